use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cape_core::UnixTime;
use cape_core::identity::{AccountId, RevocationNumbers, Vault};
use cape_core::receipt::Signer;
use cape_core::session::PresentState;
use tokio::sync::Semaphore;

use crate::attestation::Attester;
use crate::clock::Clock;
use crate::functions::Functions;
use crate::metrics::Metrics;
use crate::operations::{AllSessionWorkers, CallError, RunLog};
use crate::settings::Settings;
use crate::stop::Stop;
use crate::storage::Storage;
use crate::warm::Warm;
use crate::worker::Pool;

/// What all connections and calls share.
pub(crate) struct Runtime {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) run_log: RunLog,
    pub(crate) vault: Arc<Vault>,
    pub(crate) attester: Attester,
    pub(crate) receipts: Signer,
    pub(crate) functions: Functions,
    pub(crate) pool: Arc<Pool>,
    /// Workers that have a function and wait for its next call.
    pub(crate) warm: Warm,
    /// Workers that belong to connections.
    pub(crate) session_workers: Arc<AllSessionWorkers>,
    pub(crate) revocations: RevocationNumbers,
    /// One permit for each function that may be in the middle of being deployed.
    pub(crate) deploys: Semaphore,
    pub(crate) storage: Arc<Storage>,
    /// The version of Python that functions run on: `3.11`.
    pub(crate) python: String,
    /// The platform that functions run on: `x86_64-manylinux_2_36`.
    pub(crate) platform: String,
    /// Calls that run now.
    pub(crate) calls: Count,
    /// Workers that have a function.
    pub(crate) loaded_workers: Count,
    pub(crate) stop: Stop,
}

impl Runtime {
    /// The time to judge statements and use rules by.
    pub(crate) fn trusted_now(&self) -> Result<UnixTime, CallError> {
        self.clock.trusted_now().map_err(|fault| CallError::service(fault.to_string()))
    }

    /// Ends the worker that has been idle for longest, so that a call of the account's functions gets
    /// one: of that account alone, where it has all that it may.
    pub(crate) fn make_room(&self, account: AccountId) {
        let account = self.pool.slots.share_is_used_up(account).then_some(account);
        drop(self.warm.take_oldest(account).or_else(|| self.session_workers.take_oldest(account)));
    }

    /// How the runtime does at present.
    pub(crate) fn present_state(&self) -> PresentState {
        let loaded = self.loaded_workers.get();
        PresentState {
            slots: Some(self.pool.slots.count().saturating_sub(loaded)),
            calls: Some(self.calls.get()),
            warm_functions: Some(loaded),
            clock_ms: Some(self.clock.now().as_millis()),
            module_clock_ms: self.clock.module_now().map(UnixTime::as_millis),
        }
    }
}

/// How many of something there are.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicU64>);

/// One of them; counted until it is dropped.
pub(crate) struct Counted(Arc<AtomicU64>);

impl Count {
    /// Counts one more.
    pub(crate) fn add(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(&self.0))
    }

    /// The present number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_not_counted() {
        let count = Count::default();
        let (first, second) = (count.add(), count.add());
        assert_eq!(count.get(), 2);
        drop(first);
        assert_eq!(count.get(), 1);
        drop(second);
        assert_eq!(count.get(), 0);
    }
}
