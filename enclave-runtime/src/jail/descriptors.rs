use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The first descriptor behind standard input, output and error.
const FIRST: u32 = 3;

/// Closes every descriptor but the three standard ones, which are the null device, and `pipe`.
pub(super) fn close_all_but(pipe: BorrowedFd<'_>) -> io::Result<()> {
    let kept = u32::try_from(pipe.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
    if kept > FIRST {
        close_range(FIRST, kept - 1)?;
    }
    close_range(kept.max(FIRST - 1) + 1, u32::MAX)
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: the call takes no pointer. The process is about to become another program, has one
    // thread, and uses none of the descriptors that are closed.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
