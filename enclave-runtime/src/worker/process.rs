use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process_group};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::child::Interpreter;
use super::orphans::Children;

/// How long a worker that closed its pipe may take to end by itself.
const END_GRACE: Duration = Duration::from_millis(500);

/// The thread that starts workers.
///
/// A worker asks the kernel to end it with its parent (prctl(2), PR_SET_PDEATHSIG), and there the
/// parent is a thread: this one, which lives as long as the runtime does.
pub(crate) struct Spawner {
    requests: mpsc::Sender<Request>,
}

struct Request {
    pipe: OwnedFd,
    reply: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread; workers will become `interpreter`.
    pub(crate) fn start(interpreter: Interpreter) -> io::Result<Self> {
        let (requests, received) = mpsc::channel::<Request>();
        let handle = Handle::current();
        let children = Children::adopt_orphans()?;
        std::thread::Builder::new().name("spawner".into()).spawn(move || {
            let _context = handle.enter();
            for request in received {
                let _ = request.reply.send(children.start(|| spawn(&interpreter, request.pipe)));
            }
        })?;
        Ok(Self { requests })
    }

    /// Starts a process and returns it with the runtime's end of its pipe.
    pub(super) async fn spawn(&self) -> io::Result<(Process, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the spawner is gone");
        self.requests.send(Request { pipe: theirs.into(), reply }).map_err(|_| gone())?;
        let child = answer.await.map_err(|_| gone())??;
        let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).ok_or_else(gone)?;
        Ok((Process { child, pid }, ours))
    }
}

fn spawn(interpreter: &Interpreter, pipe: OwnedFd) -> io::Result<Child> {
    let mut command = std::process::Command::new("/proc/self/exe");
    command
        .arg0("cape-enclave")
        .arg("worker")
        .arg("--python")
        .arg(&interpreter.python)
        .arg("--pycache")
        .arg(&interpreter.pycache)
        .arg("--parent")
        .arg(getpid().as_raw_nonzero().to_string())
        .env_clear()
        .process_group(0)
        .stdin(Stdio::from(pipe))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Command::from(command).kill_on_drop(true).spawn()
}

/// A worker's process and whatever it started in its process group; killed when dropped.
pub(super) struct Process {
    child: Child,
    pid: Pid,
}

impl Process {
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether the process has not ended.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How the process ended, after its pipe did. One that goes on living is killed.
    pub(super) async fn end(&mut self) -> Ended {
        let status = tokio::time::timeout(END_GRACE, self.child.wait()).await;
        self.kill();
        match status {
            Ok(Ok(status)) => Ended::from(status),
            _ => Ended::PipeClosed,
        }
    }

    /// Processor time that the process has used so far.
    pub(super) fn cpu_time(&self) -> Duration {
        cpu_time(self.pid).unwrap_or_default()
    }

    /// The most memory that the process has had in use at any time, in bytes.
    pub(super) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid.as_raw_nonzero());
        fs::read_to_string(path).ok().and_then(|status| high_water_mark(&status)).unwrap_or(0)
    }

    /// Kills the process group. Its number stays taken as long as it has members.
    fn kill(&self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a worker ended that nobody stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It ended itself, with this exit code.
    Exit(i32),
    /// A signal killed it.
    Signal(i32),
    /// It closed its pipe and went on living, so it was killed.
    PipeClosed,
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        match (status.signal(), status.code()) {
            (Some(signal), _) => Self::Signal(signal),
            (None, code) => Self::Exit(code.unwrap_or(0)),
        }
    }
}

fn cpu_time(pid: Pid) -> Option<Duration> {
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls write to the place they are given and nothing else (clock_getcpuclockid(3)).
    let failed = unsafe {
        libc::clock_getcpuclockid(pid.as_raw_nonzero().get(), &raw mut clock) != 0
            || libc::clock_gettime(clock, &raw mut time) != 0
    };
    if failed {
        return None;
    }
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

/// `VmHWM:    12345 kB` (proc_pid_status(5)).
fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_of_a_living_process_is_known() {
        assert!(cpu_time(getpid()).unwrap() > Duration::ZERO);
        let status = fs::read_to_string("/proc/self/status").unwrap();
        assert!(high_water_mark(&status).unwrap() > 1 << 20);
        assert_eq!(high_water_mark("Name:\tx\n"), None);
    }
}
