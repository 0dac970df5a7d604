//! The time that statements, documents and use rules are judged by.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cape_core::UnixTime;
use rustix::time::{ClockId, clock_gettime};

/// The difference to the security module's time that is worth a word.
const NOTABLE: Duration = Duration::from_secs(5);

/// The difference to the security module's time above which the kernel's clock is not believed.
const TOLERABLE: Duration = Duration::from_secs(60);

/// The kernel's clock, compared with the security module's time, which the host cannot set.
///
/// The module tells its time with each document. In between it is carried on by the time since the
/// kernel's start, so that a clock that is set is noticed at once and not with the next document.
pub(crate) struct Clock {
    sources: Box<dyn Sources>,
    compared: Mutex<Compared>,
}

/// What the kernel tells.
trait Sources: Send + Sync {
    /// The time of day, which can be set.
    fn time_of_day(&self) -> UnixTime;

    /// The time since the start, which cannot; sleep counts.
    fn since_start(&self) -> Duration;
}

struct Kernel;

#[derive(Default)]
struct Compared {
    /// The module's time, and how long after the start that was.
    module: Option<(UnixTime, Duration)>,
    /// What the log was told last.
    told: Agreement,
}

/// How well two clocks agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Agreement {
    #[default]
    Good,
    Notable,
    Intolerable,
}

/// Why the kernel's clock is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockFault {
    /// The security module has not told its time yet.
    NotCompared,
    /// It differs too much.
    Differs {
        /// Milliseconds that the kernel's clock is ahead.
        ahead_ms: i64,
    },
}

impl Default for Clock {
    fn default() -> Self {
        Self::of(Kernel)
    }
}

impl Clock {
    fn of(sources: impl Sources + 'static) -> Self {
        Self { sources: Box::new(sources), compared: Mutex::default() }
    }

    /// The kernel's time, for what does not depend on anybody's honesty.
    pub(crate) fn now(&self) -> UnixTime {
        self.sources.time_of_day()
    }

    /// The security module's time, once it has told it.
    pub(crate) fn module_now(&self) -> Option<UnixTime> {
        let (then, start) = self.compared.lock().unwrap_or_else(PoisonError::into_inner).module?;
        Some(then.plus(self.sources.since_start().saturating_sub(start)))
    }

    /// How far it is ahead of the security module's, in seconds: negative when it is behind, 0 before
    /// that has told its time.
    pub(crate) fn ahead_seconds(&self) -> f64 {
        let ahead_ms = self.module_now().map_or(0, |module| ahead_ms(self.now(), module));
        let magnitude = Duration::from_millis(ahead_ms.unsigned_abs()).as_secs_f64();
        if ahead_ms < 0 { -magnitude } else { magnitude }
    }

    /// The time to judge tokens, lists and use rules by.
    pub(crate) fn trusted_now(&self) -> Result<UnixTime, ClockFault> {
        let now = self.now();
        let module = self.module_now().ok_or(ClockFault::NotCompared)?;
        let ahead_ms = ahead_ms(now, module);
        match self.tell(ahead_ms) {
            Agreement::Intolerable => Err(ClockFault::Differs { ahead_ms }),
            Agreement::Good | Agreement::Notable => Ok(now),
        }
    }

    /// Takes note of the time that a document of the security module carries, which was just made.
    pub(crate) fn compare(&self, document: UnixTime) {
        let module = Some((document, self.sources.since_start()));
        self.compared.lock().unwrap_or_else(PoisonError::into_inner).module = module;
        self.tell(ahead_ms(self.now(), document));
    }

    /// How well the clocks agree; the log is told when that has changed.
    fn tell(&self, ahead_ms: i64) -> Agreement {
        let agreement = Agreement::of(ahead_ms);
        let told = &mut self.compared.lock().unwrap_or_else(PoisonError::into_inner).told;
        if std::mem::replace(told, agreement) != agreement {
            match agreement {
                Agreement::Good => {
                    tracing::info!(ahead_ms, "the clock agrees with the security module's again")
                }
                Agreement::Notable => {
                    tracing::warn!(ahead_ms, "the clock differs from the security module's")
                }
                Agreement::Intolerable => tracing::error!(
                    ahead_ms,
                    "the clock differs so much from the security module's that nothing is judged by it"
                ),
            }
        }
        agreement
    }
}

impl Sources for Kernel {
    fn time_of_day(&self) -> UnixTime {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    fn since_start(&self) -> Duration {
        // The kernel's time since its start is never negative.
        clock_gettime(ClockId::Boottime).try_into().unwrap_or(Duration::ZERO)
    }
}

impl Agreement {
    fn of(ahead_ms: i64) -> Self {
        match Duration::from_millis(ahead_ms.unsigned_abs()) {
            difference if difference > TOLERABLE => Self::Intolerable,
            difference if difference > NOTABLE => Self::Notable,
            _ => Self::Good,
        }
    }
}

/// Milliseconds by which a time is after another; negative when it is before.
fn ahead_ms(time: UnixTime, other: UnixTime) -> i64 {
    let millis = |time: UnixTime| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    millis(time).saturating_sub(millis(other))
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Differs { ahead_ms } = self else {
            return f.write_str("the security module has not told the time yet");
        };
        let (seconds, most) = ((ahead_ms.unsigned_abs() + 500) / 1000, TOLERABLE.as_secs());
        let side = if *ahead_ms > 0 { "ahead of" } else { "behind" };
        write!(
            f,
            "the enclave's clock is {seconds} s {side} its security module's: above {most} s nothing is judged by it"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const NOON: UnixTime = UnixTime::from_seconds(1_800_000_000);

    /// A kernel whose host sets the clock as it likes.
    #[derive(Clone)]
    struct Hosted(Arc<Mutex<(UnixTime, Duration)>>);

    impl Hosted {
        fn clock() -> (Self, Clock) {
            let hosted = Self(Arc::new(Mutex::new((NOON, Duration::from_secs(1000)))));
            (hosted.clone(), Clock::of(hosted))
        }

        fn set(&self, time: UnixTime) {
            self.0.lock().unwrap().0 = time;
        }

        fn pass(&self, duration: Duration) {
            let (time, since_start) = &mut *self.0.lock().unwrap();
            *time = time.plus(duration);
            *since_start += duration;
        }
    }

    impl Sources for Hosted {
        fn time_of_day(&self) -> UnixTime {
            self.0.lock().unwrap().0
        }

        fn since_start(&self) -> Duration {
            self.0.lock().unwrap().1
        }
    }

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_clock_far_from_the_modules_is_not_believed() {
        let (_, clock) = Hosted::clock();
        assert_eq!(clock.trusted_now(), Err(ClockFault::NotCompared));
        for (module, ahead_ms) in [(NOON.minus(seconds(61)), 61_000), (NOON.plus(seconds(61)), -61_000)] {
            clock.compare(module);
            assert_eq!(clock.trusted_now(), Err(ClockFault::Differs { ahead_ms }));
        }
        for module in [NOON, NOON.plus(seconds(60)), NOON.minus(seconds(60))] {
            clock.compare(module);
            assert_eq!(clock.trusted_now(), Ok(NOON));
        }
    }

    #[test]
    fn a_clock_that_is_set_between_two_documents_is_noticed() {
        let (host, clock) = Hosted::clock();
        clock.compare(NOON);
        host.pass(seconds(7200));
        assert_eq!(clock.trusted_now(), Ok(NOON.plus(seconds(7200))));
        assert_eq!(clock.module_now(), Some(NOON.plus(seconds(7200))));
        assert!(clock.ahead_seconds().abs() < f64::EPSILON);
        host.set(NOON);
        assert_eq!(clock.trusted_now(), Err(ClockFault::Differs { ahead_ms: -7_200_000 }));
        assert!((clock.ahead_seconds() + 7200.0).abs() < f64::EPSILON);
        host.set(NOON.plus(seconds(7290)));
        assert_eq!(clock.trusted_now(), Err(ClockFault::Differs { ahead_ms: 90_000 }));
        host.set(NOON.plus(seconds(7199)));
        assert_eq!(clock.trusted_now(), Ok(NOON.plus(seconds(7199))));
    }

    #[test]
    fn the_log_is_told_of_changes() {
        let clock = Hosted::clock().1;
        let told = |clock: &Clock| clock.compared.lock().unwrap().told;
        for (module, agreement) in [
            (NOON.plus(seconds(5)), Agreement::Good),
            (NOON.plus(Duration::from_millis(5001)), Agreement::Notable),
            (NOON.minus(seconds(61)), Agreement::Intolerable),
            (NOON, Agreement::Good),
        ] {
            clock.compare(module);
            assert_eq!(told(&clock), agreement);
        }
    }

    #[test]
    fn a_fault_says_which_clock_is_ahead_and_how_far() {
        let ahead = ClockFault::Differs { ahead_ms: 75_400 }.to_string();
        assert!(ahead.starts_with("the enclave's clock is 75 s ahead of its security module's"), "{ahead}");
        let behind = ClockFault::Differs { ahead_ms: -3_600_000 }.to_string();
        assert!(behind.starts_with("the enclave's clock is 3600 s behind its"), "{behind}");
    }

    #[test]
    fn the_kernel_counts_on() {
        let clock = Clock::default();
        let before = clock.now();
        clock.compare(before);
        assert!(clock.module_now().unwrap() >= before);
        assert!(clock.trusted_now().is_ok());
    }
}
