use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, pidfd_send_signal};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::clone::Cloned;
use super::memory_watch::{MemoryWatch, Watched};
use super::orphans::Children;
use super::proc;
use super::protocol::Pipe;
use super::spawner::{Shown, Spawner};
use super::users::OwnUser;
use crate::jail::{ControlGroup, Layer, LayerReport};

/// How long a worker that closed its pipe may take to end by itself.
const END_GRACE: Duration = Duration::from_millis(500);

/// More than proc_pid_status(5) has, up to the lines about memory and long behind them.
const STATUS_BYTES: usize = 4096;

/// Processor time in which a process cannot fill more than some 16 MiB: the kernel clears its pages.
const BRIEF: Duration = Duration::from_millis(1);

/// A worker's first process, with all that it starts; killed when dropped.
pub(super) struct Process {
    pid: Pid,
    handle: Arc<OwnedFd>,
    /// The process in which the function is.
    interpreter: Pid,
    /// Its `/proc/PID/status`: kept open, one reading costs a fourth of what opening it anew does.
    status: Option<File>,
    /// Bytes, as they were last looked at.
    peak_memory: u64,
    control: UnixStream,
    children: Arc<Children>,
    /// The user that it is, where that is another one than the runtime's.
    user: Option<OwnUser>,
    /// What limits all that it starts together, or why nothing does.
    group: Result<ControlGroup, String>,
    memory_watch: Result<Arc<MemoryWatch>, String>,
    watched: Option<Arc<Watched>>,
    /// Whether each call has a process of its own.
    forks: bool,
}

impl Process {
    pub(super) fn new(
        Cloned { pid, handle, .. }: Cloned,
        control: StdUnixStream,
        children: Arc<Children>,
        user: Option<OwnUser>,
        group: Result<ControlGroup, String>,
        memory_watch: Result<Arc<MemoryWatch>, String>,
    ) -> io::Result<Self> {
        control.set_nonblocking(true)?;
        Ok(Self {
            pid,
            handle: Arc::new(handle),
            interpreter: pid,
            status: None,
            peak_memory: 0,
            control: UnixStream::from_std(control)?,
            children,
            user,
            group,
            memory_watch,
            watched: None,
            forks: false,
        })
    }

    /// What the runtime put around it, in addition to what the worker says of itself.
    pub(super) fn layers(&self) -> [LayerReport; 2] {
        let report = |layer, missing: Option<&String>| LayerReport { layer, missing: missing.cloned() };
        [
            report(Layer::ControlGroup, self.group.as_ref().err()),
            report(Layer::MemoryWatch, self.memory_watch.as_ref().err()),
        ]
    }

    /// From here on it may have so many bytes, together with all that it starts.
    pub(super) fn limit_memory(&mut self, bytes: u64) -> io::Result<()> {
        if let Ok(group) = &self.group {
            group.limit_memory(bytes)?;
        }
        if let Ok(watch) = &self.memory_watch {
            self.watched = Some(watch.add(self.pid, Arc::clone(&self.handle), bytes));
        }
        Ok(())
    }

    /// From here on others have the processors first.
    pub(super) fn give_way(&self) -> io::Result<()> {
        self.group.as_ref().map_or(Ok(()), ControlGroup::give_way)
    }

    /// From here on each call has a process of its own.
    pub(super) fn fork_calls(&mut self) {
        self.forks = true;
    }

    /// Whether it was ended because it had more memory than it may.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.exceeded())
            || self.group.as_ref().is_ok_and(ControlGroup::ran_out_of_memory)
    }

    /// The user that owns what it writes.
    pub(super) fn user(&self) -> Option<u32> {
        self.user.as_ref().map(OwnUser::number)
    }

    /// Takes note of which process the interpreter is: the only one that the first has started, when
    /// it has said that it is ready.
    pub(super) fn find_interpreter(&mut self) -> io::Result<()> {
        let child = proc::children(self.pid).first().copied();
        self.interpreter = child.ok_or_else(|| io::Error::other("the interpreter is gone"))?;
        self.status = Some(File::open(format!("/proc/{}/status", self.interpreter.as_raw_nonzero()))?);
        Ok(())
    }

    /// Lets the worker see folders in its own root.
    pub(super) async fn show(&self, spawner: &Spawner, folders: Vec<Shown>) -> io::Result<()> {
        spawner.show(Arc::clone(&self.handle), folders).await
    }

    /// Whether the process has not ended, and the worker's end of its pipe is open in some process.
    pub(super) fn is_running(&self, pipe: &Pipe) -> bool {
        let pipe = PollFd::new(pipe, PollFlags::empty()); // its end is told in any case
        let mut state = [pipe, PollFd::new(&self.handle, PollFlags::IN)];
        poll(&mut state, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(0)
    }

    /// How the interpreter ended, after its pipe did. One that goes on living is killed.
    pub(super) async fn end(&mut self) -> Ended {
        let mut report = [0; Ended::BYTES];
        let told = tokio::time::timeout(END_GRACE, self.control.read_exact(&mut report)).await;
        self.kill();
        match told {
            Ok(Ok(_)) => Ended::from_bytes(report),
            // Nobody was left to say it: all of them were killed together.
            Ok(Err(_)) => Ended::Signal(Signal::KILL.as_raw()),
            Err(_) => Ended::PipeClosed,
        }
    }

    /// Processor time that the interpreter has used so far, with that of its calls where each had a
    /// process of its own.
    pub(super) fn cpu_time(&self) -> Duration {
        let own = proc::cpu_time(self.interpreter).unwrap_or_default();
        if self.forks { own + proc::children_time(self.interpreter).unwrap_or_default() } else { own }
    }

    /// The most memory that the interpreter has had in use at any time, in bytes, after it has used
    /// `cpu_time`. What it can have come to in less than [`BRIEF`] is not asked for: that would take
    /// longer than the rest of the accounts of a small call.
    pub(super) fn peak_memory(&mut self, cpu_time: Duration) -> u64 {
        if self.peak_memory == 0 || cpu_time >= BRIEF {
            let mut status = [0; STATUS_BYTES];
            let read = self.status.as_ref().and_then(|file| file.read_at(&mut status, 0).ok()).unwrap_or(0);
            let peak = proc::high_water_mark(&String::from_utf8_lossy(&status[..read]));
            self.peak_memory = peak.unwrap_or(0);
        }
        self.peak_memory
    }

    /// Bytes of private and shared memory that the interpreter has in use, with all that it has
    /// started.
    pub(super) fn resident_memory(&self) -> u64 {
        proc::with_descendants(self.interpreter).into_iter().map(proc::proportional).sum()
    }

    /// Kills the first process, and with it its process namespace. Where there is none, the
    /// interpreter ends with its parent, and what that leaves behind comes to the runtime, which ends it.
    fn kill(&self) {
        let _ = pidfd_send_signal(self.handle.as_fd(), Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        self.children.release(self.pid);
    }
}

/// How a function's process ended that nobody stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It ended itself, with this exit code.
    Exit(i32),
    /// A signal killed it.
    Signal(i32),
    /// It closed its pipe and went on living, so it was killed.
    PipeClosed,
}

impl Ended {
    /// Bytes of the report from the worker's first process: a byte that says which, the number.
    pub(super) const BYTES: usize = 5;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let (kind, number) = match self {
            Self::Exit(code) => (0, code),
            Self::Signal(signal) => (1, signal),
            Self::PipeClosed => (2, 0),
        };
        let [a, b, c, d] = number.to_be_bytes();
        [kind, a, b, c, d]
    }

    fn from_bytes([kind, a, b, c, d]: [u8; Self::BYTES]) -> Self {
        let number = i32::from_be_bytes([a, b, c, d]);
        match kind {
            0 => Self::Exit(number),
            1 => Self::Signal(number),
            _ => Self::PipeClosed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_as_it_was() {
        for ended in [Ended::Exit(3), Ended::Exit(-1), Ended::Signal(11), Ended::PipeClosed] {
            assert_eq!(Ended::from_bytes(ended.to_bytes()), ended);
        }
    }
}
