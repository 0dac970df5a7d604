use std::time::{Duration, Instant};

use cape_core::ErrorCode;
use cape_core::session::End;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::operations::CallError;

/// Upper ends of the buckets of durations, in seconds. Powers of ten: how long a function computed
/// on its input may tell something of the input.
const BUCKETS: [f64; 6] = [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0];

/// Durations are rounded to this before they are counted or logged, or a sum that is read after each
/// call would tell them exactly.
const STEP: Duration = Duration::from_millis(10);

/// The outcome of a call that succeeded; others have the name of their error's class.
const OK: &str = "ok";

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
struct Outcome {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
struct Worker {
    worker: &'static str,
}

pub(super) struct CallMetrics {
    calls: Family<Outcome, Counter>,
    durations: Family<Operation, Histogram>,
    runs: Family<Worker, Counter>,
}

/// A call that has begun. One that is dropped before its end was cancelled.
pub(crate) struct CallInFlight<'a> {
    metrics: &'a CallMetrics,
    operation: &'static str,
    began: Instant,
    outcome: &'static str,
}

impl CallMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            calls: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            runs: Family::default(),
        };
        registry.register("calls", "Calls that ended, by operation and outcome", metrics.calls.clone());
        registry.register_with_unit(
            "call_duration",
            "How long calls took, in steps of 10 ms",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register(
            "runs",
            "Runs that succeeded, by whether their worker had the function already",
            metrics.runs.clone(),
        );
        for worker in ["cold", "warm"] {
            let _ = metrics.runs.get_or_create(&Worker { worker });
        }
        metrics
    }

    pub(super) fn begin(&self, operation: &'static str) -> CallInFlight<'_> {
        let outcome = ErrorCode::Cancelled.name();
        CallInFlight { metrics: self, operation, began: Instant::now(), outcome }
    }
}

impl CallInFlight<'_> {
    /// The call has ended.
    pub(crate) fn ended(mut self, result: &Result<End, CallError>) {
        match result {
            Ok(end) => {
                self.outcome = OK;
                if let Some(cold) = end.usage.cold {
                    let worker = if cold { "cold" } else { "warm" };
                    self.metrics.runs.get_or_create(&Worker { worker }).inc();
                }
            }
            Err(error) => self.outcome = error.class().name(),
        }
    }
}

impl Drop for CallInFlight<'_> {
    fn drop(&mut self) {
        let Self { metrics, operation, began, outcome } = *self;
        metrics.calls.get_or_create(&Outcome { operation, outcome }).inc();
        metrics
            .durations
            .get_or_create(&Operation { operation })
            .observe(coarse(began.elapsed()).as_secs_f64());
    }
}

/// A duration as the operator may know it: to the nearest step.
pub(crate) fn coarse(duration: Duration) -> Duration {
    let step = STEP.as_millis();
    let steps = (duration.as_millis() + step / 2) / step;
    Duration::from_millis(u64::try_from(steps * step).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_to_steps() {
        for (exact, told) in [(0, 0), (4_999, 0), (5_000, 10), (14_999, 10), (1_234_567, 1_230)] {
            assert_eq!(coarse(Duration::from_micros(exact)), Duration::from_millis(told), "{exact}");
        }
    }

    #[test]
    fn a_call_that_is_dropped_was_cancelled_and_each_is_counted_once() {
        let metrics = CallMetrics::register(&mut Registry::default());
        let count = |outcome| metrics.calls.get_or_create(&Outcome { operation: "run", outcome }).get();
        drop(metrics.begin("run"));
        assert_eq!((count("Cancelled"), count(OK)), (1, 0));
        metrics.begin("run").ended(&Ok(End::default()));
        metrics.begin("run").ended(&Err(CallError::service("broken")));
        assert_eq!((count("Cancelled"), count(OK), count("ServiceError")), (1, 1, 1));
    }
}
