use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::{Registry, Unit};

/// Bytes of all connections, as they are on the wire: what the host sees anyway.
#[derive(Clone)]
pub(crate) struct Traffic {
    received: Counter,
    sent: Counter,
}

impl Traffic {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let traffic = Self { received: Counter::default(), sent: Counter::default() };
        let received = traffic.received.clone();
        registry.register_with_unit("received", "Bytes that came from clients", Unit::Bytes, received);
        let sent = traffic.sent.clone();
        registry.register_with_unit("sent", "Bytes that went to clients", Unit::Bytes, sent);
        traffic
    }

    /// So many bytes came.
    pub(crate) fn received(&self, bytes: usize) {
        self.received.inc_by(bytes as u64);
    }

    /// So many bytes went out.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.inc_by(bytes as u64);
    }
}
