use std::ffi::CString;
use std::path::Path;
use std::{fs, io};

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{getegid, geteuid};
use rustix::thread::UnshareFlags;

use super::namespaces::unshare;

/// Moves the process into a mount namespace of its own and mounts memory of at most `bytes` on
/// `folder` there.
///
/// Only for a process with a single thread: threads that exist already would keep the mounts they
/// have.
pub(crate) fn mount_private_memory(folder: &Path, bytes: u64) -> io::Result<()> {
    enter_mount_namespace()?;
    // Nothing that is mounted from here on is seen outside (mount_namespaces(7), MS_SLAVE).
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    let options = CString::new(format!("size={bytes},mode=0711"))?;
    mount("cape-enclave", folder, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())?;
    Ok(())
}

/// Needs a capability, which everybody has in a user namespace of their own (user_namespaces(7)).
fn enter_mount_namespace() -> io::Result<()> {
    if unshare(UnshareFlags::NEWNS).is_ok() {
        return Ok(());
    }
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}
