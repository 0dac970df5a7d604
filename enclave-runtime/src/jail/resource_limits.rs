use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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

/// Limits processes and threads of the user. In a user namespace of its own it counts those there;
/// root of the whole machine it does not limit.
pub(super) fn limit_processes(count: u64) -> io::Result<()> {
    lower(Resource::Nproc, count)
}

/// Never above what the process was given itself.
fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let limit = getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
    setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    Ok(())
}
