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
mod run_record;
mod sealed_stream;
mod seat;
mod session_workers;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use cape_core::identity::OwnerSession;
use cape_core::session::{End, Open, Request};
use futures_util::FutureExt;
use tokio::time::Instant;

pub(crate) use credentials::Credentials;
pub(crate) use error::CallError;
pub(crate) use loaded::{LoadedWorker, load};
pub(crate) use run_record::RunRecord;
pub(crate) use session_workers::SessionWorkers;

use crate::connection::{Input, OutputSender};
use crate::runtime::Runtime;

/// What the calls of one connection share.
pub(crate) struct Session {
    /// The session's leaf, which receipts name it by.
    pub(crate) leaf: [u8; 32],
    /// SHA-384 of the document that the session was opened with.
    pub(crate) document_sha384: [u8; 48],
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
    let call = Call { opened, runtime, session, open, input, output, record: record.clone() };
    // A bug in one call is not the end of the others.
    let result = AssertUnwindSafe(call.perform())
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(CallError::service("the runtime failed in this call")));
    let result = result.map_err(|error| record.failed(error));
    if let Err(error) = &result {
        let duration_us = u64::try_from(opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(operation = name, outcome = error.class().name(), duration_us, "call failed");
    }
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

fn name(request: &Request) -> &'static str {
    match request {
        Request::Run { .. } => "run",
        Request::Deploy { .. } => "deploy",
        Request::Key(_) => "key",
        Request::Describe => "describe",
    }
}
