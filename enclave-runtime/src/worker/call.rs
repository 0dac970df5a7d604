use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::fields::fields;
use super::process::Process;
use super::protocol::{Frame, Kind, Receiver, Sender, frame};
use super::{Failure, Phase};

/// One call of a function.
pub(crate) struct Call<'a> {
    pub(crate) function_id: &'a str,
    pub(crate) checksum: &'a str,
    /// The caller's account, when it proved to be one.
    pub(crate) account: Option<&'a str>,
    /// How long the call may take.
    pub(crate) timeout: Duration,
    /// How long its caller waits for it, which the handler is told; not more than `timeout`.
    pub(crate) time_left: Duration,
    /// What the caller wants of what the function prints.
    pub(crate) log: Log,
}

/// What a caller wants of what the function prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// Nothing.
    Dropped,
    /// All of it; the process has no other callers.
    Own,
    /// What is certainly of this call: the process has other callers.
    Shared,
}

impl Log {
    /// Its name in CALL.
    const fn name(self) -> &'static str {
        match self {
            Self::Dropped => "",
            Self::Own => "own",
            Self::Shared => "shared",
        }
    }
}

/// What a handler that takes a stream is given.
pub(crate) trait Input {
    /// The next bytes, at least one; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure>;
}

/// Takes the output of a call as it comes, up to its last bytes.
pub(crate) trait Output {
    /// Takes some bytes; returns when the next may come.
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure>;

    /// Takes what the function printed; returns when the next may come.
    async fn log(&mut self, text: Vec<u8>) -> Result<(), Failure>;
}

/// What a call cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// From the call to the last byte of its output.
    pub(crate) duration: Duration,
    /// Processor time of the worker meanwhile.
    pub(crate) cpu_time: Duration,
    /// The most memory that the worker has had in use since it started, in bytes; what a call that
    /// took less than a millisecond of processor time added to it is told by a later one.
    pub(crate) peak_memory: u64,
}

impl Call<'_> {
    pub(super) fn frame(&self) -> Result<Vec<u8>, Failure> {
        let deadline = SystemTime::now() + self.time_left;
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64().to_string();
        let account = self.account.unwrap_or("");
        let context = fields([self.function_id, self.checksum, account, &deadline, self.log.name()]);
        frame(Kind::Call, &context).map_err(|error| Failure::NotStarted(error.to_string()))
    }
}

/// Why a call has no last frame.
pub(super) enum Broken {
    Failed(Failure),
    /// The pipe ended, or what came on it is no frame.
    Pipe,
}

/// Passes on what a function gives and prints, up to the frame that ends its call.
pub(super) async fn collect(receiver: &mut Receiver, output: &mut impl Output) -> Result<Frame, Broken> {
    loop {
        let frame = receiver.receive().await.map_err(|_| Broken::Pipe)?;
        match frame.kind {
            Kind::Output => output.write(frame.payload).await.map_err(Broken::Failed)?,
            Kind::Log => output.log(frame.payload).await.map_err(Broken::Failed)?,
            _ => return Ok(frame),
        }
    }
}

/// Sends CALL when there is something of the input, then the input as it comes, until there is no
/// more of it or the function has ended. A pipe that takes nothing more is the receiver's to tell.
pub(super) async fn feed(
    sender: &mut Sender,
    mut call: Vec<u8>,
    input: &mut impl Input,
    mut ended: oneshot::Receiver<()>,
) -> Result<(), Broken> {
    loop {
        let part = tokio::select! {
            biased;
            // A worker that ended a call before it had one has none to end.
            _ = &mut ended => if call.is_empty() { None } else { return Ok(()) },
            part = input.next() => part.map_err(Broken::Failed)?,
        };
        let (kind, part) = part.map_or((Kind::InputEnd, Vec::new()), |part| (Kind::Input, part));
        let sent = sender.send_behind(std::mem::take(&mut call), kind, &part).await;
        if sent.is_err() || kind == Kind::InputEnd {
            return Ok(());
        }
    }
}

/// What comes of an exchange within its time.
pub(super) async fn within<T>(
    phase: Phase,
    limit: Duration,
    exchange: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let timeout = Failure::Timeout { phase, limit };
    timeout_at(Instant::now() + limit, exchange).await.unwrap_or(Err(timeout))
}

/// Measures what a call costs.
pub(super) struct Measure {
    started: Instant,
    cpu_time: Duration,
}

impl Measure {
    pub(super) fn start(process: &Process) -> Self {
        Self { started: Instant::now(), cpu_time: process.cpu_time() }
    }

    pub(super) fn end(self, process: &mut Process) -> Usage {
        let duration = self.started.elapsed();
        let cpu_time = process.cpu_time().saturating_sub(self.cpu_time);
        Usage { duration, cpu_time, peak_memory: process.peak_memory(cpu_time) }
    }
}
