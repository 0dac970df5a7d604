use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::enclaves::Enclaves;

/// The media type of what [`Metrics::exposition`] returns.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a pipe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PipeName {
    Blobs,
    Kms,
    Operate,
    Sessions,
    Supervision,
}

/// How a connection ended, or why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Closed,
    Idle,
    Refused,
    Reset,
    /// It was of a virtual machine that is no enclave of ours.
    Stranger,
    Unreachable,
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
struct OfPipe {
    pipe: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
struct Ended {
    pipe: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
struct Moved {
    pipe: &'static str,
    direction: &'static str,
}

/// What the operator is told in numbers. No label has anything of a client.
pub(crate) struct Metrics {
    registry: Registry,
    connections: Family<OfPipe, Gauge>,
    ended: Family<Ended, Counter>,
    moved: Family<Moved, Counter>,
    serving: Gauge<u64, AtomicU64>,
    enclaves: Arc<Enclaves>,
}

/// Counts the bytes of a pipe.
pub(crate) struct Traffic {
    to_enclave: Counter,
    from_enclave: Counter,
}

/// A connection that is open.
pub(crate) struct Open(Gauge);

impl PipeName {
    const ALL: [Self; 5] = [Self::Blobs, Self::Kms, Self::Operate, Self::Sessions, Self::Supervision];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Kms => "kms",
            Self::Operate => "operate",
            Self::Sessions => "sessions",
            Self::Supervision => "supervision",
        }
    }
}

impl Outcome {
    const ALL: [Self; 6] =
        [Self::Closed, Self::Idle, Self::Refused, Self::Reset, Self::Stranger, Self::Unreachable];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Idle => "idle",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Stranger => "stranger",
            Self::Unreachable => "unreachable",
        }
    }
}

impl Metrics {
    /// Everything at zero.
    pub(crate) fn new(enclaves: Arc<Enclaves>, session_slots: usize) -> Self {
        let mut registry = Registry::with_prefix("cape_host");
        let (connections, ended, moved, serving) =
            (Family::default(), Family::default(), Family::default(), Gauge::default());
        let slots = Gauge::<i64>::default();
        slots.set(i64::try_from(session_slots).unwrap_or(i64::MAX));
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("data_path", "Its version", version);
        registry.register("connections", "Connections that are open, by pipe", Family::clone(&connections));
        registry.register("session_slots", "Connections of clients that may be open", slots);
        registry.register("connections_ended", "Connections that ended, by pipe and how", ended.clone());
        registry.register_with_unit(
            "moved",
            "Bytes moved, by pipe and direction",
            Unit::Bytes,
            moved.clone(),
        );
        registry.register("enclaves_serving", "Enclaves that take new sessions", Gauge::clone(&serving));
        let metrics = Self { registry, connections, ended, moved, serving, enclaves };
        for pipe in PipeName::ALL {
            drop(metrics.open(pipe));
            metrics.traffic(pipe);
            for outcome in Outcome::ALL {
                metrics.counter(pipe, outcome);
            }
        }
        metrics
    }

    /// A connection is open until what is returned is dropped.
    pub(crate) fn open(&self, pipe: PipeName) -> Open {
        let gauge = self.connections.get_or_create(&OfPipe { pipe: pipe.as_str() }).clone();
        gauge.inc();
        Open(gauge)
    }

    /// A connection ended, or there was none.
    pub(crate) fn ended(&self, pipe: PipeName, outcome: Outcome) {
        self.counter(pipe, outcome).inc();
    }

    /// What counts the bytes of a pipe.
    pub(crate) fn traffic(&self, pipe: PipeName) -> Traffic {
        let counter = |direction| {
            let labels = Moved { pipe: pipe.as_str(), direction };
            self.moved.get_or_create(&labels).clone()
        };
        Traffic { to_enclave: counter("to_enclave"), from_enclave: counter("from_enclave") }
    }

    /// All of them, as OpenMetrics text.
    pub(crate) fn exposition(&self) -> String {
        self.serving.set(u64::try_from(self.enclaves.serving()).unwrap_or(u64::MAX));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn counter(&self, pipe: PipeName, outcome: Outcome) -> Counter {
        let labels = Ended { pipe: pipe.as_str(), outcome: outcome.as_str() };
        self.ended.get_or_create(&labels).clone()
    }
}

impl Traffic {
    pub(crate) fn moved_in(&self, bytes: usize) {
        self.to_enclave.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(crate) fn moved_out(&self, bytes: usize) {
        self.from_enclave.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
