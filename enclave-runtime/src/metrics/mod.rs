//! What the operator is told in numbers.
//!
//! The host reads them, so they hold nothing that a caller or an author chose: labels come from the
//! closed sets of this module and of [`ErrorCode`](cape_core::ErrorCode), and durations of calls are
//! coarse (`docs/security/operator.md`). Hooks elsewhere are one line each.

mod call;
mod handshake;
mod nsm;
mod present;
mod traffic;

use std::sync::Mutex;
use std::sync::PoisonError;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub(crate) use call::{CallInFlight, coarse};
pub(crate) use handshake::{HandshakeEnd, HandshakeInFlight};
pub(crate) use nsm::MeasuredNsm;
pub(crate) use traffic::Traffic;

use crate::runtime::{Count, Runtime};
use crate::settings::Settings;
use call::CallMetrics;
use handshake::HandshakeMetrics;
use nsm::AttestationMetrics;
use present::Present;

/// The media type of what [`Metrics::exposition`] returns.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of a runtime.
pub(crate) struct Metrics {
    registry: Registry,
    attestations: AttestationMetrics,
    calls: CallMetrics,
    handshakes: HandshakeMetrics,
    traffic: Traffic,
    /// Connections that are open, those without a session included.
    connections: Count,
    /// What is looked at when somebody asks; one at a time, so that an answer fits together.
    present: Mutex<Present>,
}

impl Metrics {
    /// Everything at zero.
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut registry = Registry::with_prefix("cape_enclave");
        let about = [("version", env!("CARGO_PKG_VERSION")), ("mode", settings.mode.name())];
        registry.register("runtime", "The runtime's version and mode", Info::new(about.to_vec()));
        Self {
            attestations: AttestationMetrics::register(&mut registry),
            calls: CallMetrics::register(&mut registry),
            handshakes: HandshakeMetrics::register(&mut registry),
            traffic: Traffic::register(&mut registry),
            present: Mutex::new(Present::register(&mut registry, &settings.limits)),
            connections: Count::default(),
            registry,
        }
    }

    /// A call begins; what is returned is told of its end.
    pub(crate) fn call(&self, operation: &'static str) -> CallInFlight<'_> {
        self.calls.begin(operation)
    }

    /// A connection was accepted that may become a session; what is returned is told of its end.
    pub(crate) fn handshake(&self) -> HandshakeInFlight {
        self.handshakes.begin()
    }

    /// The connections that are open.
    pub(crate) fn connections(&self) -> &Count {
        &self.connections
    }

    /// What counts the bytes of connections.
    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }

    /// All metrics of this runtime, as OpenMetrics text.
    pub(crate) fn exposition(&self, runtime: &Runtime) -> String {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.look_at(runtime);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
