use std::time::Instant;

use cape_nsm::{AttestationFields, Error, Nsm};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Metrics;

/// Upper ends of the buckets, in seconds. They may be fine: what the module does has nothing to do
/// with anybody's data.
const BUCKETS: [f64; 8] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone)]
pub(super) struct AttestationMetrics {
    attestations: Family<Outcome, Counter>,
    durations: Histogram,
}

/// A security module whose documents are counted.
pub(crate) struct MeasuredNsm {
    module: Box<dyn Nsm>,
    metrics: AttestationMetrics,
}

impl AttestationMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { attestations: Family::default(), durations: Histogram::new(BUCKETS) };
        for outcome in ["failed", "ok"] {
            let _ = metrics.attestations.get_or_create(&Outcome { outcome });
        }
        registry.register(
            "attestations",
            "Documents that the security module was asked for, by outcome",
            metrics.attestations.clone(),
        );
        registry.register_with_unit(
            "attestation_duration",
            "How long the security module took for a document",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        metrics
    }
}

impl MeasuredNsm {
    pub(crate) fn new(module: Box<dyn Nsm>, metrics: &Metrics) -> Self {
        Self { module, metrics: metrics.attestations.clone() }
    }
}

impl Nsm for MeasuredNsm {
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, Error> {
        self.module.exchange(request)
    }

    fn attest(&self, fields: AttestationFields<'_>) -> Result<Vec<u8>, Error> {
        let began = Instant::now();
        let document = self.module.attest(fields);
        self.metrics.durations.observe(began.elapsed().as_secs_f64());
        let outcome = if document.is_ok() { "ok" } else { "failed" };
        self.metrics.attestations.get_or_create(&Outcome { outcome }).inc();
        document
    }
}
