use std::io;

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// The name that a function's machine has.
const HOST_NAME: &[u8] = b"function";

/// No interface is in the new namespace but a loopback that is down.
pub(super) fn enter_network() -> io::Result<()> {
    unshare(UnshareFlags::NEWNET)
}

pub(super) fn enter_ipc() -> io::Result<()> {
    unshare(UnshareFlags::NEWIPC)
}

pub(super) fn enter_cgroup() -> io::Result<()> {
    unshare(UnshareFlags::NEWCGROUP)
}

pub(super) fn enter_uts() -> io::Result<()> {
    unshare(UnshareFlags::NEWUTS)?;
    rustix::system::sethostname(HOST_NAME)?;
    Ok(rustix::system::setdomainname(b"")?)
}

/// Takes the calling thread out of what it shares with others.
pub(crate) fn unshare(namespaces: UnshareFlags) -> io::Result<()> {
    // SAFETY: UnshareFlags::FILES is never among them, so descriptors stay what they are.
    unsafe { unshare_unsafe(namespaces) }.map_err(io::Error::from)
}
