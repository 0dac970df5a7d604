use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::CallError;
use crate::worker::{Failure, Phase};

/// How long a caller waits, counted from OPEN: waiting for a worker, loading the function and the
/// input's way count too (docs/spec/session.md, OPEN).
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    opened: Instant,
    asked: Option<Duration>,
}

impl Deadline {
    /// A deadline that begins now; without milliseconds the caller waits for ever.
    pub(super) fn from_now(milliseconds: Option<u64>) -> Self {
        Self { opened: Instant::now(), asked: milliseconds.map(Duration::from_millis) }
    }

    /// Does this work as long as the caller waits; then it is dropped, as when the caller cancels.
    pub(super) async fn keep<T>(
        self,
        work: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        // What no clock can hold is for ever.
        let Some((limit, end)) = self.asked.and_then(|asked| Some((asked, self.opened.checked_add(asked)?)))
        else {
            return work.await;
        };
        let passed = Failure::Timeout { phase: Phase::Call, limit };
        timeout_at(end, work).await.unwrap_or_else(|_| Err(passed.into()))
    }

    /// What is left of a time that is allowed otherwise.
    pub(super) fn shorten(self, allowed: Duration) -> Duration {
        self.asked.map_or(allowed, |asked| allowed.min(asked.saturating_sub(self.opened.elapsed())))
    }
}
