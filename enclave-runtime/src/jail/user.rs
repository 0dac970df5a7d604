use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open, openat};
use rustix::process::{DumpableBehavior, Gid, Uid, getegid, geteuid, set_dumpable_behavior};
use rustix::thread::{UnshareFlags, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::namespaces::unshare;

/// The number of the user that a function sees itself as.
pub(super) const SEEN: u32 = 1000;

/// The files of the calling process in /proc, kept open from before it has another root.
pub(super) struct OwnFiles(OwnedFd);

impl OwnFiles {
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(open("/proc/self", flags, Mode::empty())?))
    }

    fn write(&self, name: &str, content: &str) -> io::Result<()> {
        let file = openat(self.0.as_fd(), name, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        File::from(file).write_all(content.as_bytes())
    }
}

/// An error that names the first folder on the way to one of these that not every user may enter.
pub(super) fn may_be_entered(paths: &[PathBuf]) -> io::Result<()> {
    let closed = |folder: &&Path| {
        folder
            .metadata()
            .is_ok_and(|metadata| metadata.is_dir() && metadata.permissions().mode() & 0o001 == 0)
    };
    match paths.iter().flat_map(|path| path.ancestors()).find(closed) {
        Some(folder) => Err(io::Error::other(format!("not every user may enter {}", folder.display()))),
        None => Ok(()),
    }
}

/// Becomes the user and the group of that number.
pub(super) fn become_user(number: u32) -> io::Result<()> {
    let (user, group) = (Uid::from_raw(number), Gid::from_raw(number));
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    // Otherwise the process's own files in /proc would belong to root (proc(5)), and among them is
    // the map of its users. It has no secret, and system calls that look into it are not allowed.
    Ok(set_dumpable_behavior(DumpableBehavior::Dumpable)?)
}

/// Enters a user namespace in which the user is [`SEEN`] and there is nobody else.
pub(super) fn enter_namespace(own: &OwnFiles) -> io::Result<()> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(UnshareFlags::NEWUSER)?;
    own.write("setgroups", "deny")?;
    own.write("uid_map", &format!("{SEEN} {user} 1"))?;
    own.write("gid_map", &format!("{SEEN} {group} 1"))
}
