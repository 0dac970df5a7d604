//! What a client can ask for: one file an operation.

mod credentials;
mod deploy;
mod describe;
mod error;
mod inflate;
mod input;
mod input_stream;
mod key;
mod loaded;
mod run;
mod run_log;
mod run_record;
mod sealed_stream;
mod seat;
mod session_workers;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cape_core::encoding::hex;
use cape_core::identity::OwnerSession;
use cape_core::session::{End, Open, Request};
use futures_util::FutureExt;
use tokio::time::Instant;

pub(crate) use credentials::Credentials;
pub(crate) use error::CallError;
pub(crate) use loaded::{LoadedWorker, load};
pub(crate) use run_log::RunLog;
pub(crate) use run_record::RunRecord;
pub(crate) use session_workers::{AllSessionWorkers, SessionWorkers};

use crate::connection::{Input, OutputSender};
use crate::metrics::coarse;
use crate::runtime::Runtime;
use run_log::LoggedRun;

/// What the calls of one connection share.
pub(crate) struct Session {
    /// The session's leaf, which receipts name it by.
    pub(crate) leaf: [u8; 32],
    /// SHA-384 of the document that the session was opened with.
    pub(crate) document_sha384: [u8; 48],
    /// How long its document took, in microseconds, until a run has told so in the log.
    pub(crate) attest_us: AtomicU64,
    /// What an owner proof of this session signs.
    pub(crate) owner: OwnerSession,
    /// The credential that was shown last.
    pub(crate) credentials: Credentials,
    /// The workers that belong to it.
    pub(crate) workers: SessionWorkers,
}

/// One call: what was asked for, and both its directions.
struct Call {
    /// When it was asked for.
    opened: Instant,
    runtime: Arc<Runtime>,
    session: Arc<Session>,
    open: Open,
    input: Input,
    output: OutputSender,
    /// Of a run that has begun.
    record: RunRecord,
    logged: LoggedRun,
}

/// Does what a client asks for in OPEN.
pub(crate) async fn perform(
    runtime: Arc<Runtime>,
    session: Arc<Session>,
    open: Open,
    input: Input,
    output: OutputSender,
    record: RunRecord,
) -> Result<End, CallError> {
    let opened = Instant::now();
    let name = name(&open.request);
    let _counted = runtime.calls.add();
    let shared = Arc::clone(&runtime);
    let metrics = shared.metrics.call(name);
    let logged = shared.run_log.begin(&open.request, &session);
    let call = Call {
        opened,
        runtime,
        session,
        open,
        input,
        output,
        record: record.clone(),
        logged: logged.clone(),
    };
    // A bug in one call is not the end of the others.
    let result = AssertUnwindSafe(call.perform())
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(CallError::service("the runtime failed in this call")));
    let result = result.map_err(|error| told(record.failed(error), name, opened));
    metrics.ended(&result);
    logged.ended(&result);
    result
}

impl Call {
    async fn perform(self) -> Result<End, CallError> {
        match self.open.request.clone() {
            Request::Run { checksum } => run::run(self, checksum).await,
            Request::Deploy { manifest } => deploy::deploy(self, &manifest).await,
            Request::Key(request) => key::key(&self, request),
            Request::Describe => Ok(describe::describe(&self.runtime)),
        }
    }
}

/// Tells the operator of a call that failed, by a number that its caller is told too.
fn told(error: CallError, operation: &str, opened: Instant) -> CallError {
    let request_id = request_id();
    let duration_ms = u64::try_from(coarse(opened.elapsed()).as_millis()).unwrap_or(u64::MAX);
    tracing::info!(operation, outcome = error.class().name(), duration_ms, request_id, "call failed");
    error.with("request_id", request_id)
}

/// A number that nobody else has.
fn request_id() -> String {
    let mut bytes = [0; 8];
    // Without randomness there are worse things to say than this call's number.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(&bytes)
}

fn name(request: &Request) -> &'static str {
    match request {
        Request::Run { .. } => "run",
        Request::Deploy { .. } => "deploy",
        Request::Key(_) => "key",
        Request::Describe => "describe",
    }
}
