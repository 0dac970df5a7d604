//! System calls about mounts, of which the libraries have no form that fits.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

/// Attributes of a mount (mount_setattr(2)), beyond those that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attributes(u64);

impl Attributes {
    /// Nothing is written, no program gains rights, no device is one.
    pub(super) const READ_ONLY: Self =
        Self(libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV);

    /// A device, of which only the file itself cannot be changed.
    pub(super) const DEVICE: Self =
        Self(libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC);

    /// What is written cannot be run, gains no rights, and is no device.
    pub(super) const DATA: Self =
        Self(libc::MOUNT_ATTR_NOEXEC | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV);
}

/// A copy of the mount of a file or folder, which is nowhere yet (open_tree(2), OPEN_TREE_CLONE).
pub(super) fn clone_tree(path: &Path, attributes: Attributes) -> io::Result<OwnedFd> {
    let tree = open_tree(CWD, path, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    set_attributes(tree.as_fd(), attributes)?;
    Ok(tree)
}

/// Attaches such a copy where `target` is, for the mount namespace of the calling thread.
pub(super) fn attach(tree: BorrowedFd<'_>, target: &Path) -> io::Result<()> {
    move_mount(tree, "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(io::Error::from)
}

/// Lets `source` be seen at `target` too.
pub(super) fn bind(source: &Path, target: &Path, attributes: Attributes) -> io::Result<()> {
    attach(clone_tree(source, attributes)?.as_fd(), target)
}

/// Gives the mount at `path` attributes.
pub(super) fn set_attributes_at(path: &Path, attributes: Attributes) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    mount_setattr(libc::AT_FDCWD, &path, 0, attributes)
}

fn set_attributes(tree: BorrowedFd<'_>, attributes: Attributes) -> io::Result<()> {
    mount_setattr(tree.as_raw_fd(), c"", libc::AT_EMPTY_PATH, attributes)
}

fn mount_setattr(
    folder: libc::c_int,
    path: &std::ffi::CStr,
    flags: libc::c_int,
    attributes: Attributes,
) -> io::Result<()> {
    let arguments = libc::mount_attr { attr_set: attributes.0, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the path ends with a zero byte, and the size is that of the structure, which outlives
    // the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            folder,
            path.as_ptr(),
            flags,
            &raw const arguments,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
