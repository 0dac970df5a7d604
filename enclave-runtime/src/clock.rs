//! The time that statements, documents and use rules are judged by.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cape_core::UnixTime;

/// The difference to the NSM's time that is worth a word.
const NOTABLE: Duration = Duration::from_secs(5);

/// The difference to the NSM's time above which the kernel's clock is not believed.
const TOLERABLE: Duration = Duration::from_secs(60);

/// The kernel's clock, compared with the NSM's time at each attestation.
///
/// The host can set the kernel's clock; the NSM's it cannot.
#[derive(Default)]
pub(crate) struct Clock {
    /// Milliseconds that the kernel's clock was ahead of the NSM's at the last attestation.
    ahead: AtomicI64,
}

impl Clock {
    /// The kernel's time, for what does not depend on anybody's honesty.
    pub(crate) fn now(&self) -> UnixTime {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    /// The time to judge tokens, lists and use rules by; `None` when the clock is not believed.
    pub(crate) fn trusted_now(&self) -> Option<UnixTime> {
        (self.difference() <= TOLERABLE).then(|| self.now())
    }

    /// Takes note of the time that a document of the NSM carries.
    pub(crate) fn compare(&self, document: UnixTime) {
        let millis = |time: UnixTime| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.ahead.store(millis(self.now()).saturating_sub(millis(document)), Ordering::Relaxed);
        if self.difference() > NOTABLE {
            tracing::warn!(
                ahead_ms = self.ahead.load(Ordering::Relaxed),
                "the clock differs from the security module's"
            );
        }
    }

    fn difference(&self) -> Duration {
        Duration::from_millis(self.ahead.load(Ordering::Relaxed).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_far_from_the_modules_is_not_believed() {
        let clock = Clock::default();
        assert!(clock.trusted_now().is_some());
        clock.compare(clock.now().minus(Duration::from_secs(61)));
        assert_eq!(clock.trusted_now(), None);
        clock.compare(clock.now().plus(Duration::from_secs(62)));
        assert_eq!(clock.trusted_now(), None);
        clock.compare(clock.now().plus(Duration::from_secs(30)));
        assert!(clock.trusted_now().is_some());
    }
}
