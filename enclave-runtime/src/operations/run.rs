use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cape_core::UnixTime;
use cape_core::identity::{Caller, Checksum, Manifest, Records, Signed, authorize};
use cape_core::session::{End, MAX_INLINE, Usage};

use super::deadline::Deadline;
use super::session_workers::LoadedWorker;
use super::{Call, CallError, Session, input};
use crate::connection::OutputSender;
use crate::functions::Function;
use crate::runtime::Runtime;
use crate::worker::{self, Failure, Load};

/// Runs a function on the caller's input, as long as the caller waits.
pub(super) async fn run(call: Call, checksum: [u8; 32]) -> Result<End, CallError> {
    let deadline = Deadline::from_now(call.open.options.deadline_ms);
    deadline.keep(run_until(deadline, call, checksum)).await
}

async fn run_until(deadline: Deadline, mut call: Call, checksum: [u8; 32]) -> Result<End, CallError> {
    let runtime = Arc::clone(&call.runtime);
    let function = runtime.functions.find(Checksum::from_bytes(checksum)).await?;
    let now = runtime.trusted_now()?;
    let caller = authorize_caller(&call, &function.manifest, now)?;

    let checksum = function.manifest.checksum();
    let place = call.session.workers.place(checksum, call.open.token.as_deref());
    let mut place = place.lock().await;
    let cold = place.is_none();
    if cold {
        *place = Some(load(&runtime, &function).await?);
    }
    let data = input::whole(&mut call.input, runtime.settings.limits.input_bytes).await?;
    let data = input::open(data, &function.manifest, &runtime.vault, runtime.trusted_now()?)?;

    // From here to its end the call has the worker; when it is stopped, so is the worker.
    let Some(mut loaded) = place.take() else {
        return Err(CallError::service("the worker is gone"));
    };
    let limit = runtime.settings.limits.output_bytes;
    let mut output = Output { sender: &call.output, sent: 0, limit };
    let account = caller.account().map(|account| account.to_string());
    let timeout = timeout(&runtime, &function.manifest);
    let result = loaded
        .worker
        .call(
            &worker::Call {
                function_id: &function.manifest.function_id().to_string(),
                checksum: &checksum.to_string(),
                account: account.as_deref(),
                timeout,
                deadline: SystemTime::now() + deadline.shorten(timeout),
                input: &data,
            },
            &mut output,
        )
        .await;
    let result = match result {
        Ok((last, usage)) => output.finish(last).await.map(|last| (last, usage)),
        Err(failure) => Err(failure),
    };
    if result.as_ref().err().is_none_or(Failure::spares_worker) {
        *place = Some(loaded);
    }
    let (last, usage) = result?;
    Ok(End { usage: used(usage, cold), output: last, ..End::default() })
}

fn authorize_caller(call: &Call, function: &Signed<Manifest>, now: UnixTime) -> Result<Caller, CallError> {
    let Session { owner, credentials, .. } = &*call.session;
    let credential = credentials.read(call.open.token.as_deref(), call.open.owner_proof.as_deref())?;
    let records = Records::read(call.open.statements.iter().map(String::as_str))?;
    Ok(authorize(function, &credential, &records, owner, &call.runtime.revocations, now)?)
}

/// A worker that has imported the function.
async fn load(runtime: &Runtime, function: &Arc<Function>) -> Result<LoadedWorker, CallError> {
    let slot = runtime.pool.slot().await?;
    let folder = runtime.functions.folder(function).await?;
    let mut worker = runtime.pool.worker().await?;
    let manifest = &function.manifest;
    let load = Load {
        folder,
        handler: &manifest.handler,
        environment: manifest.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        memory_mib: u64::from(manifest.memory_mib).min(runtime.settings.limits.memory_mib),
        timeout: runtime.settings.limits.load_timeout(),
    };
    worker.load(&load).await?;
    Ok(LoadedWorker {
        worker,
        _function: Arc::clone(function),
        _slot: slot,
        _counted: runtime.loaded_workers.add(),
    })
}

/// How long the handler may take, by the settings and the manifest.
fn timeout(runtime: &Runtime, manifest: &Manifest) -> Duration {
    Duration::from_secs(u64::from(manifest.timeout_s).min(runtime.settings.limits.timeout_s))
}

fn used(usage: worker::Usage, cold: bool) -> Usage {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Usage {
        duration_us: Some(micros(usage.duration)),
        cpu_us: Some(micros(usage.cpu_time)),
        peak_memory: Some(usage.peak_memory),
        cold: Some(cold),
    }
}

/// Passes the function's output on to the caller, within the limit.
struct Output<'a> {
    sender: &'a OutputSender,
    sent: u64,
    limit: u64,
}

impl worker::Output for Output<'_> {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.sent += bytes.len() as u64;
        if self.sent > self.limit {
            return Err(Failure::OutputTooLarge { limit: self.limit });
        }
        self.sender.send(bytes).await
    }
}

impl Output<'_> {
    /// The last bytes, as far as they fit into END.
    async fn finish(mut self, last: Vec<u8>) -> Result<Vec<u8>, Failure> {
        if self.sent + last.len() as u64 > self.limit {
            return Err(Failure::OutputTooLarge { limit: self.limit });
        }
        if last.len() <= MAX_INLINE {
            return Ok(last);
        }
        worker::Output::write(&mut self, last).await?;
        Ok(Vec::new())
    }
}
