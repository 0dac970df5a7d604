//! Adds up the memory of workers' processes again and again, and ends a worker that has more than
//! its function may. Where there are control groups the kernel does the same at once; here it is
//! what stands between the limit of one process and that of all that it starts.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use std::{io, thread};

use rustix::process::{Pid, Signal, pidfd_send_signal};

/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// Processes that are added up for one worker; more would be over any limit of theirs.
const MAX_PROCESSES: usize = 1 << 16;

/// The workers that are watched.
#[derive(Default)]
pub(super) struct MemoryWatch {
    watched: Mutex<Vec<Weak<Watched>>>,
}

/// A worker that is watched for as long as somebody has this.
pub(super) struct Watched {
    first: Pid,
    handle: Arc<OwnedFd>,
    limit: u64,
    exceeded: AtomicBool,
}

impl MemoryWatch {
    /// Watches on a thread of its own, as long as somebody has it.
    pub(super) fn start() -> io::Result<Arc<Self>> {
        let watch = Arc::new(Self::default());
        let watching = Arc::downgrade(&watch);
        thread::Builder::new().name("memory watch".into()).spawn(move || {
            while let Some(watch) = watching.upgrade() {
                watch.look();
                drop(watch);
                thread::sleep(PAUSE);
            }
        })?;
        Ok(watch)
    }

    /// Watches a worker from now on: its first process, and what that has started.
    pub(super) fn add(&self, first: Pid, handle: Arc<OwnedFd>, limit: u64) -> Arc<Watched> {
        let watched = Arc::new(Watched { first, handle, limit, exceeded: AtomicBool::new(false) });
        self.watched().push(Arc::downgrade(&watched));
        watched
    }

    fn look(&self) {
        let present: Vec<Arc<Watched>> = {
            let mut watched = self.watched();
            watched.retain(|watched| watched.strong_count() > 0);
            watched.iter().filter_map(Weak::upgrade).collect()
        };
        for watched in present {
            watched.look();
        }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Watched>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Whether it was ended because it had too much.
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Acquire)
    }

    fn look(&self) {
        let processes = with_descendants(self.first);
        let sum = |of: fn(Pid) -> u64| processes.iter().map(|process| of(*process)).sum::<u64>();
        // What processes share, such as after a fork, is first counted for each of them: the exact
        // figure takes the kernel longer.
        if sum(resident) > self.limit && sum(proportional) > self.limit {
            self.exceeded.store(true, Ordering::Release);
            let _ = pidfd_send_signal(self.handle.as_fd(), Signal::KILL);
        }
    }
}

/// A process and all that descend from it.
fn with_descendants(first: Pid) -> Vec<Pid> {
    let mut processes = vec![first];
    let mut looked_at = 0;
    while let Some(process) = processes.get(looked_at).copied().filter(|_| processes.len() < MAX_PROCESSES) {
        processes.extend(children(process));
        looked_at += 1;
    }
    processes
}

fn children(process: Pid) -> Vec<Pid> {
    let threads =
        fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).into_iter().flatten().flatten();
    let listed = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let number = |number: &str| Pid::from_raw(number.parse().ok()?);
    listed.flat_map(|listed| listed.split_whitespace().filter_map(number).collect::<Vec<_>>()).collect()
}

/// Bytes of private and shared memory that a process has in use, those of files left out. The tables
/// that say where its memory is count too: of memory that is only read they can be all there is.
pub(super) fn resident(process: Pid) -> u64 {
    kibibytes(process, "status", &["RssAnon:", "RssShmem:", "VmPTE:"]) * 1024
}

/// The same, but of what it shares its part only.
fn proportional(process: Pid) -> u64 {
    let tables = kibibytes(process, "status", &["VmPTE:"]);
    (kibibytes(process, "smaps_rollup", &["Pss_Anon:", "Pss_Shmem:"]) + tables) * 1024
}

fn kibibytes(process: Pid, file: &str, names: &[&str]) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/{file}", process.as_raw_nonzero())).unwrap_or_default();
    let value = |line: &str| -> Option<u64> {
        let value = names.iter().find_map(|name| line.strip_prefix(name))?;
        value.trim().strip_suffix("kB")?.trim_end().parse().ok()
    };
    text.lines().filter_map(value).sum()
}

#[cfg(test)]
mod tests {
    use rustix::process::getpid;

    use super::*;

    #[test]
    fn both_figures_are_there_and_the_exact_one_is_not_larger() {
        let memory = std::hint::black_box(vec![1_u8; 32 << 20]);
        let (resident, proportional) = (resident(getpid()), proportional(getpid()));
        assert!(proportional > 32 << 20, "{proportional}");
        assert!(resident + (1 << 20) >= proportional, "{resident} {proportional}");
        drop(memory);
    }

    #[test]
    fn descendants_of_descendants_are_found() {
        let script = "sleep 60 & sh -c 'sleep 60 & echo; wait' & wait";
        let mut shell = std::process::Command::new("sh")
            .args(["-c", script])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0];
        io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut said).unwrap();
        let shell_number = Pid::from_raw(shell.id().try_into().unwrap()).unwrap();
        let found = with_descendants(shell_number);
        for process in found.iter().rev() {
            let _ = rustix::process::kill_process(*process, Signal::KILL);
        }
        shell.wait().unwrap();
        assert_eq!(found.len(), 4, "{found:?}");
    }
}
