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
    /// Whether it began in the control group that was given.
    pub(super) in_group: bool,
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
    let mut in_group = group.is_some();
    let namespace = if isolated { libc::CLONE_NEWPID as u64 } else { 0 };
    // SAFETY: without CLONE_VM the new process has a copy of this one's memory. Other threads are
    // not in it, so it makes nothing but system calls (signal-safety(7)) with what was prepared, and
    // ends in one way or another.
    let pid = unsafe {
        let mut pid = clone3(namespace, group, &raw mut handle);
        // Containers answer so, to see what is asked for.
        if pid < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) {
            in_group = false;
            pid = clone(namespace, &raw mut handle);
        }
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
    match i32::try_from(pid).ok().filter(|pid| *pid > 0).and_then(Pid::from_raw) {
        // SAFETY: the kernel has just made the descriptor, and nobody else knows it.
        Some(pid) => Ok(Cloned { pid, handle: unsafe { OwnedFd::from_raw_fd(handle) }, in_group }),
        None => Err(error),
    }
}

/// The new process's number and, in `handle`, what refers to it; 0 in the new process, -1 on failure.
///
/// # Safety
/// What is true of fork(2): the new process has one thread only.
unsafe fn clone3(flags: u64, group: Option<BorrowedFd<'_>>, handle: *mut libc::c_int) -> libc::c_long {
    let into_group = if group.is_some() { CLONE_INTO_CGROUP } else { 0 };
    let request = libc::clone_args {
        flags: libc::CLONE_PIDFD as u64 | flags | into_group,
        pidfd: handle as u64,
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
    // SAFETY: writes to `handle` and nothing else.
    unsafe { libc::syscall(libc::SYS_clone3, &raw const request, size_of::<libc::clone_args>()) }
}

/// The same by the older call, which knows no control groups. On every machine its second argument is
/// the stack, and the third is where the handle goes; the others are none.
///
/// # Safety
/// As of [`clone3`].
unsafe fn clone(flags: u64, handle: *mut libc::c_int) -> libc::c_long {
    let flags = flags | (libc::CLONE_PIDFD | libc::SIGCHLD) as u64;
    // SAFETY: writes to `handle` and nothing else.
    unsafe { libc::syscall(libc::SYS_clone, flags, 0, handle, 0, 0) }
}

/// As execve(2) takes them.
fn pointers(texts: &[CString]) -> Vec<*const libc::c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::fd::AsFd;

    use rustix::process::{Signal, WaitOptions, pidfd_send_signal, waitpid};

    use super::*;
    use crate::jail::mounted::{eventually, with_version_2};

    fn shell(script: &str, arguments: &[&str], group: Option<BorrowedFd<'_>>, kept: &[RawFd]) -> Started {
        let arguments = [&["sh", "-c", script], arguments].concat();
        let arguments: Vec<_> = arguments.into_iter().map(|text| CString::new(text).unwrap()).collect();
        let path = c"PATH=/usr/bin:/bin".to_owned();
        Started(start(c"/bin/sh", &arguments, &[path], kept, group, true).unwrap())
    }

    /// The first process of a process namespace, which is killed with all of it when dropped.
    struct Started(Cloned);

    impl Drop for Started {
        fn drop(&mut self) {
            let _ = pidfd_send_signal(self.0.handle.as_fd(), Signal::KILL);
            let _ = waitpid(Some(self.0.pid), WaitOptions::empty());
        }
    }

    #[test]
    fn a_worker_is_in_its_group_from_the_beginning_and_so_is_what_it_starts() {
        with_version_2(|mounted| {
            let (_runtime, mut groups) = mounted.runtime();
            let group = groups.unlimited();
            let (mut reader, writer) = std::io::pipe().unwrap();
            let tell = "exec >/proc/self/fd/$0 </proc/self/cgroup; cat; (cat /proc/self/cgroup; \
                        setsid sh -c 'cat /proc/self/cgroup & wait')";
            let kept = writer.as_raw_fd();
            let _worker = shell(tell, &[&kept.to_string()], Some(group.handle()), &[kept]);
            drop(writer);
            let mut told = String::new();
            reader.read_to_string(&mut told).unwrap();
            let name = group.folder().file_name().unwrap().to_str().unwrap();
            let own: Vec<_> = told.lines().filter(|line| line.starts_with("0::")).collect();
            assert_eq!(own.len(), 3, "{told}");
            assert!(own.iter().all(|line| line.ends_with(&format!("/{name}"))), "{told}");
        });
    }

    #[test]
    fn a_worker_that_began_elsewhere_is_taken_in() {
        with_version_2(|mounted| {
            let (_runtime, mut groups) = mounted.runtime();
            let group = groups.unlimited();
            let worker = shell("sleep 600", &[], None, &[]);
            group.take_in(worker.0.pid).unwrap();
            let procs = fs::read_to_string(group.folder().join("cgroup.procs")).unwrap();
            assert!(procs.lines().any(|line| line == worker.0.pid.as_raw_nonzero().to_string()), "{procs}");
        });
    }

    /// Each of them ends as soon as it has started the next: who kills one after the other is late.
    const HOP: &str = "sh -c \"$0\" \"$0\" &";

    #[test]
    fn what_starts_processes_again_and_again_ends_with_its_group() {
        with_version_2(|mounted| {
            let (_runtime, mut groups) = mounted.runtime();
            let group = groups.unlimited();
            let folder = group.folder().to_owned();
            // It stays outside, and waits for the others.
            let enter = "for i in 1 2 3 4; do \
                         sh -c 'echo $$ >\"$1/cgroup.procs\"; exec sh -c \"$0\" \"$0\"' \"$0\" \"$1\" & \
                         done; sleep 600 & wait $!";
            let outside = shell(enter, &[HOP, folder.to_str().unwrap()], None, &[]);
            let procs = || fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            let mut seen = std::collections::BTreeSet::new();
            eventually("they start one another", || {
                seen.extend(procs().lines().map(str::to_owned));
                seen.len() > 20
            });
            drop(group);
            eventually("all have ended, and the group is removed", || !folder.exists());
            assert!(waitpid(Some(outside.0.pid), WaitOptions::NOHANG).unwrap().is_none());
        });
    }
}
