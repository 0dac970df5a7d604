//! A new process with a process namespace of its own, which is what the standard library's cannot
//! have.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use rustix::process::Pid;

/// The library's constant of that name is too small a type (linux/sched.h).
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// A process that was just started.
pub(super) struct Cloned {
    pub(super) pid: Pid,
    /// Refers to it for good; its number may be another's once it was waited for.
    pub(super) handle: OwnedFd,
}

/// Starts `program` with descriptors 0 to 2, `kept` and what is not closed on exec, in a control
/// group if one is given; the process is the first one of a process namespace of its own if
/// `isolated`.
pub(super) fn start(
    program: &CStr,
    arguments: &[CString],
    environment: &[CString],
    kept: &[RawFd],
    group: Option<BorrowedFd<'_>>,
    isolated: bool,
) -> io::Result<Cloned> {
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    let mut handle: libc::c_int = -1;
    let namespace = if isolated { libc::CLONE_NEWPID as u64 } else { 0 };
    let into_group = if group.is_some() { CLONE_INTO_CGROUP } else { 0 };
    let request = libc::clone_args {
        flags: libc::CLONE_PIDFD as u64 | namespace | into_group,
        pidfd: (&raw mut handle) as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: group.map_or(0, |group| group.as_raw_fd() as u64),
    };
    // SAFETY: without CLONE_VM the new process has a copy of this one's memory. Other threads are
    // not in it, so it makes nothing but system calls (signal-safety(7)) with what was prepared, and
    // ends in one way or another.
    let pid = unsafe {
        let pid = libc::syscall(libc::SYS_clone3, &raw const request, size_of::<libc::clone_args>());
        if pid == 0 {
            for descriptor in kept {
                libc::fcntl(*descriptor, libc::F_SETFD, 0);
            }
            libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
            libc::_exit(127);
        }
        pid
    };
    let error = io::Error::last_os_error();
    match i32::try_from(pid).ok().and_then(Pid::from_raw).filter(|_| pid > 0) {
        // SAFETY: the kernel has just made the descriptor, and nobody else knows it.
        Some(pid) => Ok(Cloned { pid, handle: unsafe { OwnedFd::from_raw_fd(handle) } }),
        None => Err(error),
    }
}

/// As execve(2) takes them.
fn pointers(texts: &[CString]) -> Vec<*const libc::c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}
