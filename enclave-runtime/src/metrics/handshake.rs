use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// How an attempt to open a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeEnd {
    /// There is a session.
    Accepted,
    /// The client went away, or took too long.
    Broken,
    /// As many connections are open as may be.
    Full,
    /// The request is none for a session.
    Malformed,
    /// The security module gave no document.
    NoDocument,
    /// The runtime ends.
    Stopping,
    /// Too many came in one second.
    TooMany,
    /// The client's first message broke the protocol.
    Violation,
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
struct Outcome {
    outcome: &'static str,
}

pub(super) struct HandshakeMetrics(Family<Outcome, Counter>);

/// A handshake that is under way. One that is dropped before it was told its end is broken.
pub(crate) struct HandshakeInFlight {
    handshakes: Family<Outcome, Counter>,
    ended: AtomicBool,
}

impl HandshakeEnd {
    const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Broken,
        Self::Full,
        Self::Malformed,
        Self::NoDocument,
        Self::Stopping,
        Self::TooMany,
        Self::Violation,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Broken => "broken",
            Self::Full => "full",
            Self::Malformed => "malformed",
            Self::NoDocument => "no_document",
            Self::Stopping => "stopping",
            Self::TooMany => "too_many",
            Self::Violation => "violation",
        }
    }
}

impl HandshakeMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let handshakes = Family::<Outcome, Counter>::default();
        for end in HandshakeEnd::ALL {
            let _ = handshakes.get_or_create(&Outcome { outcome: end.name() });
        }
        registry.register("handshakes", "Attempts to open a session, by outcome", handshakes.clone());
        Self(handshakes)
    }

    pub(super) fn begin(&self) -> HandshakeInFlight {
        HandshakeInFlight { handshakes: self.0.clone(), ended: AtomicBool::new(false) }
    }
}

impl HandshakeInFlight {
    /// The handshake has ended; what is told first counts.
    pub(crate) fn ended(&self, end: HandshakeEnd) {
        if !self.ended.swap(true, Ordering::Relaxed) {
            self.handshakes.get_or_create(&Outcome { outcome: end.name() }).inc();
        }
    }
}

impl Drop for HandshakeInFlight {
    fn drop(&mut self) {
        self.ended(HandshakeEnd::Broken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_handshake_is_counted_once() {
        let metrics = HandshakeMetrics::register(&mut Registry::default());
        let count = |outcome| metrics.0.get_or_create(&Outcome { outcome }).get();
        drop(metrics.begin());
        assert_eq!((count("broken"), count("accepted")), (1, 0));
        let handshake = metrics.begin();
        handshake.ended(HandshakeEnd::Accepted);
        assert_eq!((count("broken"), count("accepted")), (1, 1));
        drop(handshake);
        assert_eq!((count("broken"), count("accepted")), (1, 1));
    }
}
