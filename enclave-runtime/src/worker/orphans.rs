//! What functions leave behind: processes that outlive the worker which started them.
//!
//! A worker is killed with its process namespace. Where it has none, processes go on that it has
//! started, and become children of the runtime, where nothing but workers has any business.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, set_child_subreaper, wait, waitid,
    waitpid,
};
use tokio::signal::unix::{SignalKind, signal};

use super::clone::Cloned;
use super::proc;

/// How long the end of all children may take.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// How often they are looked for meanwhile.
const END_PAUSE: Duration = Duration::from_millis(5);

/// The runtime's children: workers, and orphans on their way out.
pub(super) struct Children {
    /// Those that were started here and that may not have ended. Locked while one is started, since
    /// a process that is not here is taken for an orphan.
    workers: Mutex<HashSet<Pid>>,
}

impl Children {
    /// Takes in the orphans of workers from now on, and ends them. The runtime's main task calls
    /// this, once.
    pub(super) fn adopt_orphans() -> io::Result<Arc<Self>> {
        set_child_subreaper(Some(getpid()))?;
        let children = Arc::new(Self { workers: Mutex::default() });
        // A worker's orphans are the runtime's children before the runtime is told of its end.
        let mut ended = signal(SignalKind::child())?;
        let swept = Arc::clone(&children);
        tokio::spawn(async move {
            while ended.recv().await.is_some() {
                swept.end_orphans();
            }
        });
        Ok(children)
    }

    /// Starts a worker.
    pub(super) fn start(&self, spawn: impl FnOnce() -> io::Result<Cloned>) -> io::Result<Cloned> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let process = spawn()?;
        workers.insert(process.pid);
        Ok(process)
    }

    /// A worker that nobody needs any more and that was killed; it is waited for when it has ended.
    pub(super) fn release(&self, worker: Pid) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.remove(&worker);
        let _ = waitpid(Some(worker), WaitOptions::NOHANG);
    }

    fn end_orphans(&self) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| is_child(*worker));
        for orphan in children().difference(&workers) {
            let _ = kill_process(*orphan, Signal::KILL);
            // One that has ended by now is gone with this; of another there will be word.
            let _ = waitpid(Some(*orphan), WaitOptions::NOHANG);
        }
    }
}

/// Ends every child of the process, and theirs, when nobody waits for one any more.
pub(crate) fn end_all_children() {
    let started = Instant::now();
    while started.elapsed() < END_TIMEOUT {
        for child in children() {
            let _ = kill_process(child, Signal::KILL);
        }
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => thread::sleep(END_PAUSE),
            Err(_) => return, // there is none
        }
    }
}

/// Whether a process is a child that nobody has waited for yet (waitid(2), WNOWAIT).
fn is_child(process: Pid) -> bool {
    let only_look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(process), only_look).is_ok()
}

fn children() -> HashSet<Pid> {
    proc::children(getpid()).into_iter().collect()
}
