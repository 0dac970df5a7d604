use std::io;

/// Set-user-id bits and file capabilities mean nothing to the program and what it starts
/// (prctl(2), PR_SET_NO_NEW_PRIVS).
pub(super) fn apply() -> io::Result<()> {
    rustix::thread::set_no_new_privs(true).map_err(io::Error::from)
}
