use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cape_core::ErrorCode;
use cape_core::identity::{Caller, Isolation};
use tokio::sync::OwnedMutexGuard;
use tokio::time::sleep;

use super::loaded::{LoadedWorker, load};
use super::session_workers::Parked;
use super::{Call, CallError};
use crate::functions::Function;
use crate::runtime::Runtime;
use crate::worker::{Overloaded, Slot};

/// How often idle workers are asked to make room, while a call waits.
const LOOK: Duration = Duration::from_millis(250);

/// A worker that a call is about to use, and where it goes when nothing comes of that.
pub(super) struct Seat {
    home: Home,
    worker: Option<LoadedWorker>,
    /// Whether the function was imported for this call.
    pub(super) cold: bool,
}

/// Where a worker is between calls.
enum Home {
    /// With its connection: isolation `session`, and `call`, whose state ends even earlier.
    Session(OwnedMutexGuard<Option<Parked>>),
    /// With the others of its function: isolation `function`.
    Shared(Arc<Runtime>),
}

impl Seat {
    /// Finds a worker of the function for the call, or loads one.
    pub(super) async fn take(
        call: &Call,
        function: &Arc<Function>,
        caller: &Caller,
    ) -> Result<Self, CallError> {
        let runtime = &call.runtime;
        if function.manifest.isolation == Isolation::Function {
            check_agreement(call, caller)?;
            let (worker, cold) = warm_or_loaded(runtime, function).await?;
            return Ok(Self { home: Home::Shared(Arc::clone(runtime)), worker: Some(worker), cold });
        }
        let place = call.session.workers.place(function.manifest.checksum(), call.open.token.as_deref());
        let mut place = place.lock_owned().await;
        // One that has ended since its last call is no concern of this one.
        let parked = place.take().map(|parked| parked.worker);
        let (worker, cold) = match parked.filter(|loaded| loaded.worker.is_running()) {
            Some(worker) => (worker, false),
            None => warm_or_loaded(runtime, function).await?,
        };
        Ok(Self { home: Home::Session(place), worker: Some(worker), cold })
    }

    /// Whether the function takes its input as a stream.
    pub(super) fn takes_stream(&self) -> bool {
        self.worker.as_ref().is_some_and(|loaded| loaded.worker.takes_stream())
    }

    /// The worker; from here on the call has it, and when the call is stopped, so is the worker.
    pub(super) fn worker(&mut self) -> Result<LoadedWorker, CallError> {
        self.worker.take().ok_or_else(|| CallError::service("the worker is gone"))
    }

    /// Gives the worker back, for the next call.
    pub(super) fn give_back(mut self, worker: LoadedWorker) {
        self.worker = Some(worker);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(worker) = self.worker.take() else { return };
        match &mut self.home {
            Home::Session(place) => **place = Some(Parked::now(worker)),
            Home::Shared(runtime) => runtime.warm.keep(runtime, worker),
        }
    }
}

/// The author's code could carry one caller's data to another.
fn check_agreement(call: &Call, caller: &Caller) -> Result<(), CallError> {
    if caller.account().is_some() || call.open.options.shared {
        return Ok(());
    }
    let message = "the function's callers share its process, which its author could use to carry data \
                   from one to another; this caller has not agreed to that";
    Err(CallError::new(ErrorCode::PermissionDenied, message).with("isolation", "function"))
}

/// What a call has found that needs a worker.
enum Found {
    /// One that another call gave back.
    Worker(Box<LoadedWorker>),
    /// The right to load one.
    Slot(Slot),
}

/// Waits for either, in the queue, while idle workers make room.
async fn worker_or_slot(runtime: &Runtime, function: &Function) -> Result<Found, Overloaded> {
    let account = function.manifest.account;
    if let Some(slot) = runtime.pool.slots.free(account) {
        return Ok(Found::Slot(slot));
    }
    let mut waiting = runtime.warm.wait(function.manifest.checksum());
    let mut slot = pin!(runtime.pool.slots.wait(account));
    loop {
        runtime.make_room(account);
        tokio::select! {
            biased;
            slot = &mut slot => return slot.map(Found::Slot),
            worker = waiting.next() => return Ok(Found::Worker(Box::new(worker))),
            () = sleep(LOOK) => {}
        }
    }
}

/// A worker of the function that waits for a call, or a new one; and whether it is new.
async fn warm_or_loaded(
    runtime: &Arc<Runtime>,
    function: &Arc<Function>,
) -> Result<(LoadedWorker, bool), CallError> {
    let warm = runtime.warm.take(runtime, function);
    if let Some(worker) = warm {
        return Ok((worker, false));
    }
    // A store that is slow keeps nobody else from a worker.
    let code = runtime.functions.code(function).await?;
    let slot = match worker_or_slot(runtime, function).await? {
        Found::Worker(worker) => return Ok((*worker, false)),
        Found::Slot(slot) => slot,
    };
    let worker = load(runtime, function, code, slot).await?;
    runtime.warm.loaded(function.manifest.checksum());
    Ok((worker, true))
}
