use std::sync::Arc;
use std::time::Duration;

use cape_core::UnixTime;
use cape_core::identity::{Caller, Checksum, Isolation, Manifest, Records, Signed, authorize};
use cape_core::session::{End, Open, Salts, Usage};
use tokio::time::{Instant, timeout_at};

use super::input::Given;
use super::input_stream::{Form, InputStream, StreamDigests};
use super::run_log::LoggedRun;
use super::run_record::{Begun, CallSalts, InputDigests, OutputDigest};
use super::seat::Seat;
use super::{Call, CallError, Session, input};
use crate::connection::OutputSender;
use crate::runtime::Runtime;
use crate::worker::{self, Failure, Phase};

/// Runs a function on the caller's input, within the time that the caller gives it.
pub(super) async fn run(call: Call, checksum: [u8; 32]) -> Result<End, CallError> {
    let limit = call.open.options.deadline_ms.map(Duration::from_millis);
    // A deadline beyond all time is none.
    let Some((deadline, limit)) = limit.and_then(|limit| Some((call.opened.checked_add(limit)?, limit)))
    else {
        return run_until(call, checksum, None).await;
    };
    let timeout = Failure::Timeout { phase: Phase::Call, limit };
    let result = timeout_at(deadline, run_until(call, checksum, Some(deadline))).await;
    result.unwrap_or_else(|_| Err(timeout.into()))
}

async fn run_until(mut call: Call, checksum: [u8; 32], deadline: Option<Instant>) -> Result<End, CallError> {
    let runtime = Arc::clone(&call.runtime);
    let function = runtime.functions.find(Checksum::from_bytes(checksum)).await?;
    call.logged.found(&function.manifest);
    let now = runtime.trusted_now()?;
    let caller = authorize_caller(&call, &function.manifest, now)?;

    let checksum = function.manifest.checksum();
    let mut seat = Seat::take(&call, &function, &caller).await?;
    let cold = seat.cold;
    call.logged.has_worker(cold);
    let asked = Asked::of(&call.open)?;
    let given = if seat.takes_stream() {
        None
    } else {
        let salt = asked.as_ref().map(|asked| asked.salts.input);
        let sent = input::whole(&mut call.input, runtime.settings.limits.input_bytes, salt).await?;
        call.logged.took(sent.len());
        Some(sent.open(&function.manifest, &runtime.vault, runtime.trusted_now()?)?)
    };

    // From here to its end the call has the worker; when it is stopped, so is the worker.
    let mut loaded = seat.worker()?;
    call.logged.handler_begins();
    let limit = runtime.settings.limits.output_bytes;
    let digest = asked.as_ref().map(|asked| OutputDigest::new(&asked.salts.output));
    let mut output = Output { sender: &call.output, logged: &call.logged, digest, sent: 0, limit };
    let account = caller.account().map(|account| account.to_string());
    let timeout = timeout(&runtime, &function.manifest);
    let begun = |Asked { call_nonce, salts }, input| Begun {
        runtime: Arc::clone(&runtime),
        function: checksum,
        input,
        salts,
        started: runtime.clock.now(),
        began: Instant::now(),
        call_nonce,
        session: call.session.leaf,
        document_sha384: call.session.document_sha384,
    };
    let question = worker::Call {
        function_id: &function.manifest.function_id().to_string(),
        checksum: &checksum.to_string(),
        account: account.as_deref(),
        timeout,
        time_left: deadline.map_or(timeout, |deadline| timeout.min(deadline - Instant::now())),
        log: wanted_log(&call.open, &function.manifest),
    };
    let result = match given {
        Some(Given { data, digests }) => {
            if let Some((asked, digests)) = asked.zip(digests) {
                call.record.begin(begun(asked, digests));
            }
            loaded.worker.call(&question, &data, &mut output).await
        }
        None => {
            let digests = |salts: &CallSalts| InputDigests::Stream(StreamDigests::new(&salts.input));
            let mut input = InputStream {
                begun: asked.map(|asked| begun(asked, digests(&asked.salts))),
                input: &mut call.input,
                function: &function.manifest,
                vault: &runtime.vault,
                now: runtime.trusted_now()?,
                record: &call.record,
                logged: &call.logged,
                form: Form::Unknown(Vec::new()),
                error: None,
            };
            let result = loaded.worker.stream(&question, &mut input, &mut output).await;
            if let Some(error) = input.error {
                return Err(error);
            }
            result
        }
    };
    let result = result.and_then(|(last, usage)| {
        output.count(&last)?;
        Ok((last, usage))
    });
    if result.as_ref().err().is_none_or(Failure::spares_worker) {
        seat.give_back(loaded);
    }
    let (last, usage) = result?;
    let end = End { usage: used(usage, cold), output: last, ..End::default() };
    let Some(digest) = output.digest else {
        return Ok(end);
    };
    let proof = call.record.succeeded(digest)?;
    Ok(End {
        receipt: Some(proof.receipt),
        salts: Some(proof.salts),
        receipt_key: Some(proof.key),
        input_taken: proof.input_taken,
        ..end
    })
}

/// What a receipt that was asked for takes from OPEN.
#[derive(Clone, Copy)]
struct Asked {
    call_nonce: [u8; 32],
    salts: CallSalts,
}

impl Asked {
    /// `None` when the caller wants no receipt.
    fn of(open: &Open) -> Result<Option<Self>, CallError> {
        let asked = |call_nonce| Ok(Self { call_nonce, salts: call_salts(open)? });
        open.call_nonce.map(asked).transpose()
    }
}

fn authorize_caller(call: &Call, function: &Signed<Manifest>, now: UnixTime) -> Result<Caller, CallError> {
    let Session { owner, credentials, .. } = &*call.session;
    let records = Records::read(call.open.statements.iter().map(String::as_str))?;
    let credential = credentials.read(call.open.token.as_deref(), call.open.owner_proof.as_deref())?;
    Ok(authorize(function, &credential, &records, owner, &call.runtime.revocations, now)?)
}

/// What the settings and the manifest allow.
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

/// The caller's salts, or random ones.
fn call_salts(open: &Open) -> Result<CallSalts, CallError> {
    match open.salts {
        Some(Salts { input, output: Some(output) }) => Ok(CallSalts { input, output }),
        _ => Ok(CallSalts { input: random_salt()?, output: random_salt()? }),
    }
}

fn wanted_log(open: &Open, manifest: &Manifest) -> worker::Log {
    match (open.options.log, manifest.isolation) {
        (false, _) => worker::Log::Dropped,
        (true, Isolation::Function) => worker::Log::Shared,
        (true, _) => worker::Log::Own,
    }
}

fn random_salt() -> Result<[u8; 32], CallError> {
    let mut salt = [0; 32];
    match getrandom::fill(&mut salt) {
        Ok(()) => Ok(salt),
        Err(error) => Err(CallError::service(format!("no randomness for a salt: {error}"))),
    }
}

/// Passes the function's output on to the caller, within the limit.
struct Output<'a> {
    sender: &'a OutputSender,
    logged: &'a LoggedRun,
    /// Of a call that asked for a receipt.
    digest: Option<OutputDigest>,
    sent: u64,
    limit: u64,
}

impl worker::Output for Output<'_> {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.count(&bytes)?;
        self.sender.send(bytes).await
    }

    async fn log(&mut self, text: Vec<u8>) -> Result<(), Failure> {
        self.sender.log(text).await
    }
}

impl Output<'_> {
    fn count(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.sent += bytes.len() as u64;
        self.logged.gave(bytes.len());
        if self.sent > self.limit {
            return Err(Failure::OutputTooLarge { limit: self.limit });
        }
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        Ok(())
    }
}
