use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that a worker may have open.
const DESCRIPTORS: u64 = 1024;

/// Bytes of memory that a worker may keep from being moved, and of its message queues.
const LOCKED_BYTES: u64 = 64 * 1024;

/// The limits that are the same for every function; `file_bytes` is that of one file. Memory is
/// limited by the shim, once it is known which function the worker will run: a process may lower the
/// limits of another user's only with a capability that root does not always have.
pub(super) fn apply(file_bytes: u64) -> io::Result<()> {
    lower(Resource::Core, 0)?;
    lower(Resource::Fsize, file_bytes)?;
    lower(Resource::Memlock, LOCKED_BYTES)?;
    lower(Resource::Msgqueue, 0)?;
    lower(Resource::Nice, 0)?;
    lower(Resource::Nofile, DESCRIPTORS)?;
    lower(Resource::Rtprio, 0)
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
