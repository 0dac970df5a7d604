//! The frequency of the processor's own clock. Where processors are emulated a kernel cannot find it out,
//! and without it counts interrupts, of which a busy machine loses some.

use std::arch::x86_64::_rdtsc;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// In kHz, as it was when it was first asked for.
pub(crate) fn kilohertz() -> u128 {
    static MEASURED: OnceLock<u128> = OnceLock::new();
    *MEASURED.get_or_init(|| {
        let (began, first) = (Instant::now(), ticks());
        sleep(Duration::from_millis(200));
        u128::from(ticks() - first) * 1000 / began.elapsed().as_micros()
    })
}

fn ticks() -> u64 {
    // SAFETY: every processor of this architecture has the instruction.
    unsafe { _rdtsc() }
}
