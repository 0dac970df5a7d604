use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The first descriptor behind standard input, output and error.
const FIRST: u32 = 3;

/// Closes every descriptor but the three standard ones, which are the null device, and `kept`.
pub(super) fn close_all_but(kept: [BorrowedFd<'_>; 2]) -> io::Result<()> {
    let mut kept = kept.map(|descriptor| u32::try_from(descriptor.as_raw_fd()).unwrap_or(0));
    kept.sort_unstable();
    let mut first = FIRST;
    for descriptor in kept {
        if descriptor > first {
            close_range(first, descriptor - 1)?;
        }
        first = first.max(descriptor + 1);
    }
    close_range(first, u32::MAX)
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: the call takes no pointer. The process has one thread and is about to start another
    // program, and uses none of the descriptors that are closed.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
