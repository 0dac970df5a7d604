use getrandom::SysRng;
use rand_core::UnwrapErr;

/// The operating system's random numbers.
pub(crate) fn system() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}
