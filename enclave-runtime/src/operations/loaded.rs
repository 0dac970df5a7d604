use std::sync::Arc;

use cape_core::identity::Isolation;

use super::CallError;
use crate::functions::Function;
use crate::runtime::{Counted, Runtime};
use crate::worker::{Code, Load, Slot, Worker};

/// A worker that has imported a function.
pub(crate) struct LoadedWorker {
    pub(crate) worker: Worker,
    /// Its bundle has to stay where it is.
    pub(crate) function: Arc<Function>,
    _slot: Slot,
    _counted: Counted,
}

/// Imports the function, whose code is at hand, into a worker.
pub(crate) async fn load(
    runtime: &Runtime,
    function: &Arc<Function>,
    code: &Code,
    slot: Slot,
) -> Result<LoadedWorker, CallError> {
    let manifest = &function.manifest;
    let load = Load {
        code,
        handler: &manifest.handler,
        environment: manifest.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        memory_mib: u64::from(manifest.memory_mib).min(runtime.settings.limits.memory_mib),
        timeout: runtime.settings.limits.load_timeout(),
        forks: manifest.isolation == Isolation::Call,
    };
    let worker = runtime.pool.loaded(&load).await?;
    Ok(LoadedWorker {
        worker,
        function: Arc::clone(function),
        _slot: slot,
        _counted: runtime.loaded_workers.add(),
    })
}
