use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread::available_parallelism;

/// Memory is no faster for more.
const MOST_THREADS: usize = 4;

/// Threads that may work on one envelope. The system is asked once.
pub(crate) fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS))
}
