use std::io;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

/// Descriptors that a worker may have open.
const DESCRIPTORS: u64 = 1024;

/// Bytes of one file that a worker may write.
const FILE_BYTES: u64 = 4 << 30;

/// The limits that are the same for every function.
pub(super) fn apply() -> io::Result<()> {
    lower(Resource::Core, 0)?;
    lower(Resource::Fsize, FILE_BYTES)?;
    lower(Resource::Nofile, DESCRIPTORS)
}

/// Limits a worker's private writable memory, counted as it is reserved (setrlimit(2), RLIMIT_DATA:
/// heap and anonymous mappings; code and files that are mapped read-only do not count).
///
/// Set from outside, once it is known which function a worker will run.
pub(crate) fn limit_memory(worker: Pid, bytes: u64) -> io::Result<()> {
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    prlimit(Some(worker), Resource::Data, limit)?;
    Ok(())
}

/// Never above what the process was given itself.
fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let limit = getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
    setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    Ok(())
}
