//! Adds up the memory of workers' processes again and again, and ends a worker that has more than
//! its function may. Where there are control groups the kernel does the same at once; here it is
//! what stands between the limit of one process and that of all that it starts.
//!
//! Only processes that run take memory, or start others: while those of a worker have used no processor
//! time since they were looked at, as when it waits for a call, nothing is read about them.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use std::{io, thread};

use rustix::process::{Pid, Signal, pidfd_send_signal};

use super::proc::{cpu_time, proportional, resident, with_descendants};

/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(100);

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
    /// Its processes, and the processor time that each had used before it was looked at.
    found: Mutex<HashMap<Pid, Option<Duration>>>,
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
        let watched = Arc::new(Watched {
            first,
            handle,
            limit,
            exceeded: AtomicBool::new(false),
            found: Mutex::default(),
        });
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
        let Some(processes) = self.those_that_may_have_grown() else { return };
        let sum = |of: fn(Pid) -> u64| processes.iter().map(|process| of(*process)).sum::<u64>();
        // What processes share, such as after a fork, is first counted for each of them: the exact
        // figure takes the kernel longer.
        if sum(resident) > self.limit && sum(proportional) > self.limit {
            self.exceeded.store(true, Ordering::Release);
            let _ = pidfd_send_signal(self.handle.as_fd(), Signal::KILL);
        }
    }

    /// All of its processes, unless none of them has run since the last time.
    fn those_that_may_have_grown(&self) -> Option<Vec<Pid>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        // Before they are looked for: what starts another one meanwhile is seen to have run next time.
        let now: HashMap<_, _> = found.keys().map(|process| (*process, cpu_time(*process))).collect();
        let rested =
            |(process, before): (&Pid, &Option<Duration>)| before.is_some() && *before == now[process];
        if !found.is_empty() && found.iter().all(rested) {
            return None;
        }
        let processes = with_descendants(self.first);
        // What a new one had used before is not known: it is looked at again.
        let before = |process| now.get(process).copied().flatten();
        *found = processes.iter().map(|process| (*process, before(process))).collect();
        Some(processes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rustix::process::{PidfdFlags, pidfd_open};

    use super::*;
    use crate::jail::mounted::eventually;
    use crate::worker::proc::tests::started;

    #[test]
    fn what_rests_is_not_looked_at_and_what_grows_is_ended() {
        // The first process waits for the other one, which takes memory when it is told to.
        let script = "python3 -c 'print(flush=True); input(); x = b\"x\" * (64 << 20); input()'; true";
        let (mut worker, first) = started("sh", script);
        let handle = Arc::new(pidfd_open(first, PidfdFlags::empty()).unwrap());
        let watch = MemoryWatch::default();
        let watched = watch.add(first, handle, 48 << 20);
        assert_eq!(watched.those_that_may_have_grown().unwrap().len(), 2);
        let rests = || {
            watch.look();
            watched.those_that_may_have_grown().is_none()
        };
        eventually("it rests", rests);
        assert!(!watched.exceeded());

        writeln!(worker.stdin.as_mut().unwrap()).unwrap();
        eventually("it is ended", || {
            watch.look();
            watched.exceeded()
        });
        // The end of its input ends the other one, which has lost its parent.
        drop(worker.stdin.take());
        assert!(!worker.wait().unwrap().success());
    }
}
