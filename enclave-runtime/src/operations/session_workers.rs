use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cape_core::crypto::sha256;
use cape_core::identity::Checksum;
use tokio::sync::Mutex as AsyncMutex;

use crate::functions::Function;
use crate::runtime::Counted;
use crate::worker::{Slot, Worker};

/// The workers of one connection: one for each function and credential (isolation `session`). They
/// end with the connection.
#[derive(Default)]
pub(crate) struct SessionWorkers(Mutex<HashMap<Key, Place>>);

/// Where a worker is when no call uses it. Calls of the same function and credential wait for each
/// other here, first come first served.
pub(super) type Place = Arc<AsyncMutex<Option<LoadedWorker>>>;

/// A worker with a function.
pub(super) struct LoadedWorker {
    pub(super) worker: Worker,
    /// Its bundle has to stay where it is.
    pub(super) _function: Arc<Function>,
    pub(super) _slot: Slot,
    pub(super) _counted: Counted,
}

/// A function, and who calls it: SHA-256 of the token, or nothing for the owner.
type Key = (Checksum, Option<[u8; 32]>);

impl SessionWorkers {
    /// The place of the worker for a function and the token that it is called with; the owner has
    /// none.
    pub(super) fn place(&self, function: Checksum, token: Option<&str>) -> Place {
        let key = (function, token.map(|token| sha256(&[token.as_bytes()])));
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(key).or_default())
    }
}
