use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use cape_core::ErrorCode;
use cape_core::encoding::hex;
use cape_core::identity::{Manifest, Signed};
use cape_core::session::{End, Request};

use super::{CallError, Session};
use crate::rate::Rate;

/// The outcome of a run that succeeded; others have the name of their error's class.
const OK: &str = "ok";

/// Tells in the log how runs go on, for who develops on this machine: whose function runs, for how
/// long, and on how much. A host is told none of that (`docs/security/operator.md`), so it is an
/// option of development, and never contents.
pub(crate) struct RunLog {
    /// A log that nobody reads fast enough would hold up the runs.
    rate: Option<Rate>,
    last: AtomicU64,
}

/// A run that the log tells of, if it does. One that is dropped before its end was cancelled.
#[derive(Clone)]
pub(crate) struct LoggedRun(Option<Arc<Run>>);

struct Run {
    number: u64,
    opened: Instant,
    input_bytes: AtomicU64,
    output_bytes: AtomicU64,
    outcome: OnceLock<&'static str>,
}

impl RunLog {
    /// Of so many runs a second at most; of none if that is not given.
    pub(crate) fn new(per_second: Option<u64>) -> Self {
        Self { rate: per_second.map(Rate::per_second), last: AtomicU64::new(0) }
    }

    /// A call begins; what is returned is told how it goes on.
    pub(super) fn begin(&self, request: &Request, session: &Session) -> LoggedRun {
        let Request::Run { checksum } = request else { return LoggedRun(None) };
        if !self.rate.as_ref().is_some_and(Rate::take) {
            return LoggedRun(None);
        }
        let run = Run {
            number: self.last.fetch_add(1, Ordering::Relaxed) + 1,
            opened: Instant::now(),
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            outcome: OnceLock::new(),
        };
        // What a connection took to be attested is told with its first run.
        let attest_us = session.attest_us.swap(0, Ordering::Relaxed);
        tracing::info!(target: TARGET, run = run.number, checksum = hex::encode(checksum), attest_us, "run begins");
        LoggedRun(Some(Arc::new(run)))
    }
}

impl LoggedRun {
    /// The function was found, which is not to say that the caller may run it.
    pub(super) fn found(&self, manifest: &Signed<Manifest>) {
        let Some(run) = &self.0 else { return };
        let function = manifest.function_id().to_string();
        let (name, version) = (&*manifest.name, manifest.version);
        tracing::info!(target: TARGET, run = run.number, function, name, version, "run found its function");
    }

    /// There is a worker; `cold` if it imported the function for this.
    pub(super) fn has_worker(&self, cold: bool) {
        let Some(run) = &self.0 else { return };
        tracing::info!(target: TARGET, run = run.number, elapsed_us = run.elapsed_us(), cold, "run has its worker");
    }

    /// The handler begins: its input is there, unless it takes a stream.
    pub(super) fn handler_begins(&self) {
        let Some(run) = &self.0 else { return };
        tracing::info!(target: TARGET, run = run.number, elapsed_us = run.elapsed_us(), "handler begins");
    }

    /// So many bytes of the input came, as they were sent.
    pub(super) fn took(&self, bytes: usize) {
        if let Some(run) = &self.0 {
            run.input_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// So many bytes of output go out.
    pub(super) fn gave(&self, bytes: usize) {
        if let Some(run) = &self.0 {
            run.output_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// The call has ended.
    pub(super) fn ended(self, result: &Result<End, CallError>) {
        if let Some(run) = self.0 {
            let outcome = result.as_ref().map_or_else(|error| error.class().name(), |_| OK);
            // Nobody told it before.
            let _ = run.outcome.set(outcome);
        }
    }
}

/// How whoever reads the log tells these lines from others.
const TARGET: &str = "cape_enclave::runs";

impl Run {
    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let (run, elapsed_us) = (self.number, self.elapsed_us());
        let outcome = self.outcome.get().copied().unwrap_or(ErrorCode::Cancelled.name());
        let (input_bytes, output_bytes) = (*self.input_bytes.get_mut(), *self.output_bytes.get_mut());
        tracing::info!(target: TARGET, run, elapsed_us, outcome, input_bytes, output_bytes, "run ended");
    }
}
