use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::runtime::Runtime;
use crate::settings::Limits;

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
struct State {
    state: &'static str,
}

/// What there is at the moment, read from where it is kept.
pub(super) struct Present {
    calls: Gauge,
    clock: Gauge<f64, AtomicU64>,
    connections: Gauge,
    functions: Gauge,
    function_bytes: Gauge,
    queue: Gauge,
    storage_size: Gauge,
    storage_used: Gauge,
    workers: Family<State, Gauge>,
}

impl Present {
    pub(super) fn register(registry: &mut Registry, limits: &Limits) -> Self {
        let fixed = |value: u64| {
            let gauge = Gauge::<i64>::default();
            gauge.set(whole(value));
            gauge
        };
        let present = Self {
            calls: Gauge::default(),
            clock: Gauge::default(),
            connections: Gauge::default(),
            functions: Gauge::default(),
            function_bytes: Gauge::default(),
            queue: Gauge::default(),
            storage_size: Gauge::default(),
            storage_used: Gauge::default(),
            workers: Family::default(),
        };
        registry.register("calls_running", "Calls that run now", present.calls.clone());
        registry.register("connections", "Connections that are open", present.connections.clone());
        registry.register("connection_slots", "Connections that may be open", fixed(limits.connections));
        registry.register("workers", "Processes of functions, by state", present.workers.clone());
        registry.register("worker_slots", "Workers that may have a function", fixed(limits.workers));
        registry.register("queue_length", "Calls that wait for a worker", present.queue.clone());
        registry.register("queue_slots", "Calls that may wait for a worker", fixed(limits.queue));
        registry.register("functions", "Functions at hand", present.functions.clone());
        registry.register_with_unit(
            "functions",
            "Bytes of unpacked functions at hand",
            Unit::Bytes,
            present.function_bytes.clone(),
        );
        registry.register_with_unit(
            "storage_used",
            "Bytes in use of the storage of functions",
            Unit::Bytes,
            present.storage_used.clone(),
        );
        registry.register_with_unit(
            "storage_size",
            "Bytes that the storage of functions holds",
            Unit::Bytes,
            present.storage_size.clone(),
        );
        registry.register_with_unit(
            "clock_ahead",
            "How far the clock was ahead of the security module's at the last document",
            Unit::Seconds,
            present.clock.clone(),
        );
        present
    }

    /// Reads everything anew.
    pub(super) fn look_at(&self, runtime: &Runtime) {
        self.calls.set(whole(runtime.calls.get()));
        self.clock.set(runtime.clock.ahead_seconds());
        self.connections.set(whole(runtime.metrics.connections().get()));
        self.queue.set(whole(runtime.pool.slots.queue_length()));
        let (functions, bytes) = runtime.functions.held();
        self.functions.set(whole(functions));
        self.function_bytes.set(whole(bytes));
        for (state, count) in
            [("loaded", runtime.loaded_workers.get()), ("spare", runtime.pool.spare_workers())]
        {
            self.workers.get_or_create(&State { state }).set(whole(count));
        }
        if let Ok((used, size)) = runtime.storage.space() {
            self.storage_used.set(whole(used));
            self.storage_size.set(whole(size));
        }
    }
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
