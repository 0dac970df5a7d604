//! Adds up the memory of workers' processes again and again, and ends a worker that has more than
//! its function may. Where there are control groups the kernel does the same at once; here it is
//! what stands between the limit of one process and that of all that it starts.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use std::{io, thread};

use rustix::process::{Pid, Signal, pidfd_send_signal};

use super::proc::{proportional, resident, with_descendants};

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
