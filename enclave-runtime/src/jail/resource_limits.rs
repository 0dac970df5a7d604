use std::os::unix::fs::MetadataExt;
use std::{fs, io};

use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};

/// Descriptors that a worker may have open.
const DESCRIPTORS: u64 = 1024;

/// Bytes of memory that a worker may keep from being moved, and of its message queues.
const LOCKED_BYTES: u64 = 64 * 1024;

/// Signals that may wait for all of its processes together, those of timers included.
const SIGNALS: u64 = 1024;

/// Keeps a process's memory from being written anywhere when it crashes. A limit of zero forbids the
/// file, but not a program that the machine gives cores to; of one byte neither is made (core(5),
/// and the kernel's fs/coredump.c). Only who may raise limits can have it where zero is the most.
pub(super) fn forbid_cores() -> io::Result<()> {
    let limit = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    Ok(setrlimit(Resource::Core, limit(1)).or_else(|_| setrlimit(Resource::Core, limit(0)))?)
}

/// The limits that are the same for every function; `file_bytes` is that of one file. Memory is
/// limited by the shim, once it is known which function the worker will run: a process may lower the
/// limits of another user's only with a capability that root does not always have.
pub(super) fn apply(file_bytes: u64) -> io::Result<()> {
    lower(Resource::Fsize, file_bytes)?;
    lower(Resource::Memlock, LOCKED_BYTES)?;
    lower(Resource::Msgqueue, 0)?;
    lower(Resource::Nice, 0)?;
    lower(Resource::Nofile, DESCRIPTORS)?;
    lower(Resource::Rtprio, 0)?;
    lower(Resource::Sigpending, SIGNALS)
}

/// Limits processes and threads of the user, of which `others` are not the worker's. In a user
/// namespace of its own it counts those there; root of the whole machine it does not limit.
pub(super) fn limit_processes(count: u64, others: u64) -> io::Result<()> {
    lower(Resource::Nproc, count.saturating_add(others))
}

/// Processes and threads that the user has on the machine, as far as they can be seen.
pub(super) fn processes_of_the_user() -> u64 {
    let user = geteuid().as_raw();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = processes.filter(|process| process.metadata().is_ok_and(|metadata| metadata.uid() == user));
    own.map(|process| fs::read_dir(process.path().join("task")).map_or(0, |threads| threads.count() as u64))
        .sum()
}

/// Never above what the process was given itself.
fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let limit = getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
    setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_count_as_the_kernel_counts_them() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let ended = std::sync::Mutex::new(ended);
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| ended.lock().is_ok_and(|ended| ended.recv().is_ok()));
            }
            assert!(processes_of_the_user() > 20);
            drop(end);
        });
    }
}
