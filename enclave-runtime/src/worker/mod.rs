//! Workers: processes that run a function's code, one call at a time.
//!
//! The runtime's half is here; what happens in the process is in [`child`] (Rust, until it becomes
//! Python) and in `shim/shim.py`. A worker that is dropped is killed.

mod call;
pub(crate) mod child;
mod clone;
mod code;
mod compiler;
mod failure;
mod fields;
mod memory_watch;
mod orphans;
mod pool;
mod proc;
mod process;
mod protocol;
pub(crate) mod shim;
mod slots;
mod spawner;
mod users;

use std::sync::Arc;
use std::time::Duration;

use cape_core::session::MAX_INLINE;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

pub(crate) use call::{Call, Input, Log, Output, Usage};
pub(crate) use code::{Code, Load, Owner};
pub(crate) use compiler::Compiler;
pub(crate) use failure::{Failure, Phase};
pub(crate) use orphans::end_all_children;
pub(crate) use pool::Pool;
pub(crate) use process::Ended;
pub(crate) use slots::{Overloaded, Slot};
pub(crate) use spawner::{Blueprint, Spawner};

use crate::jail::{Layer, LayerReport, is_on};
use call::{Broken, Measure, collect, feed, within};
use fields::texts;
use process::Process;
use protocol::{Frame, Kind, Pipe};

/// How long an interpreter may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A process that waits for a function, has one, or runs it.
pub(crate) struct Worker {
    spawner: Arc<Spawner>,
    process: Process,
    pipe: Pipe,
    layers: Vec<LayerReport>,
    python: String,
    memory_mib: u64,
    takes_stream: bool,
}

impl Worker {
    /// Starts a worker without a function.
    pub(crate) async fn start(spawner: &Arc<Spawner>) -> Result<Self, Failure> {
        let not_started = |error: std::io::Error| Failure::NotStarted(error.to_string());
        let ended_early =
            |_| Failure::NotStarted("its process ended before its interpreter was ready".into());
        let (mut process, stream) = spawner.spawn().await.map_err(not_started)?;
        let mut pipe = Pipe::new(stream).map_err(not_started)?;
        let deadline = Instant::now() + START_TIMEOUT;
        let greeting = timeout_at(deadline, async {
            let mut layers = Vec::new();
            loop {
                let Frame { kind, payload } = pipe.receiver.receive().await.map_err(ended_early)?;
                let texts = texts(&payload).unwrap_or_default();
                match kind {
                    Kind::Jail => layers = layer_reports(&texts),
                    Kind::Ready => break Ok((layers, texts.concat())),
                    _ => break Err(Failure::NotStarted(texts.concat())),
                }
            }
        });
        let (mut layers, python) = greeting
            .await
            .unwrap_or_else(|_| Err(Failure::NotStarted("the interpreter does not start".into())))?;
        process.find_interpreter().map_err(not_started)?;
        layers.extend(process.layers());
        let spawner = Arc::clone(spawner);
        Ok(Self { spawner, process, pipe, layers, python, memory_mib: 0, takes_stream: false })
    }

    /// Whether its interpreter has not ended.
    pub(crate) fn is_running(&self) -> bool {
        self.process.is_running(&self.pipe)
    }

    /// Bytes of memory that its interpreter has in use.
    pub(crate) fn resident_memory(&self) -> u64 {
        self.process.resident_memory()
    }

    /// What the worker says of its jail.
    pub(crate) fn layers(&self) -> &[LayerReport] {
        &self.layers
    }

    /// The interpreter's version: `3.11`.
    pub(crate) fn python(&self) -> &str {
        &self.python
    }

    /// Whether the function that it has imported takes its input as a stream.
    pub(crate) fn takes_stream(&self) -> bool {
        self.takes_stream
    }

    fn has(&self, layer: Layer) -> bool {
        is_on(&self.layers, layer)
    }

    /// Calls the function with all of its input; returns the last bytes of its output, at most
    /// [`MAX_INLINE`], which `output` has not seen.
    ///
    /// The worker can take another call when this succeeded or the function raised an exception.
    pub(crate) async fn call(
        &mut self,
        call: &Call<'_>,
        input: &[u8],
        output: &mut impl Output,
    ) -> Result<(Vec<u8>, Usage), Failure> {
        let measure = Measure::start(&self.process);
        let exchange = async {
            if self.pipe.sender.send_behind(call.frame()?, Kind::Input, input).await.is_err() {
                return Err(self.ended().await);
            }
            let last = collect(&mut self.pipe.receiver, output).await;
            self.last_bytes(last).await
        };
        let last = within(Phase::Call, call.timeout, exchange).await?;
        Ok((last, measure.end(&mut self.process)))
    }

    /// The same with an input that comes while the function runs. What comes of it after the
    /// function has ended is not looked at.
    pub(crate) async fn stream(
        &mut self,
        call: &Call<'_>,
        input: &mut impl Input,
        output: &mut impl Output,
    ) -> Result<(Vec<u8>, Usage), Failure> {
        let measure = Measure::start(&self.process);
        let exchange = async {
            let call = call.frame()?;
            let (ended, end) = oneshot::channel();
            let Pipe { sender, receiver } = &mut self.pipe;
            let collect = async {
                let last = collect(receiver, output).await?;
                drop(ended);
                Ok(last)
            };
            let last = tokio::try_join!(collect, feed(sender, call, input, end));
            self.last_bytes(last.map(|(last, ())| last)).await
        };
        let last = within(Phase::Call, call.timeout, exchange).await?;
        Ok((last, measure.end(&mut self.process)))
    }

    /// What a call's last frame says.
    async fn last_bytes(&mut self, last: Result<Frame, Broken>) -> Result<Vec<u8>, Failure> {
        match last {
            Ok(frame) if frame.kind == Kind::Result && frame.payload.len() <= MAX_INLINE => Ok(frame.payload),
            Ok(frame) => Err(self.failure(&frame)),
            Err(Broken::Failed(failure)) => Err(failure),
            Err(Broken::Pipe) => Err(self.ended().await),
        }
    }

    /// Sends a request that is answered by DONE, and returns what that says.
    async fn ask(&mut self, kind: Kind, payload: &[u8], limit: Duration) -> Result<Vec<u8>, Failure> {
        let exchange = async {
            if self.pipe.sender.send(kind, payload).await.is_err() {
                return Err(self.ended().await);
            }
            match self.pipe.receiver.receive().await {
                Ok(Frame { kind: Kind::Done, payload }) => Ok(payload),
                Ok(frame) => Err(self.failure(&frame)),
                Err(_) => Err(self.ended().await),
            }
        };
        within(Phase::Load, limit, exchange).await
    }

    /// Why the other end of the pipe is gone.
    async fn ended(&mut self) -> Failure {
        let ended = self.process.end().await;
        if self.process.ran_out_of_memory() {
            return Failure::OutOfMemory { limit_mib: self.memory_mib };
        }
        Failure::Crashed(ended)
    }

    /// Limits what the worker has together with all that it starts; each process limits itself too,
    /// so that it has a chance to say what it lacks.
    fn limit_memory(&mut self, memory_mib: u64) -> Result<(), Failure> {
        self.memory_mib = memory_mib;
        self.process.limit_memory(memory_mib << 20).map_err(|error| Failure::NotStarted(error.to_string()))
    }

    /// What a frame says that is no result.
    fn failure(&self, frame: &Frame) -> Failure {
        match (frame.kind, texts(&frame.payload).as_deref()) {
            (Kind::OutOfMemory, _) => Failure::OutOfMemory { limit_mib: self.memory_mib },
            (Kind::Raised, Some([kind, message, traceback])) => {
                Failure::Raised { kind: kind.clone(), message: message.clone(), traceback: traceback.clone() }
            }
            // The function wrote to the pipe itself.
            _ => Failure::Crashed(Ended::PipeClosed),
        }
    }
}

fn layer_reports(texts: &[String]) -> Vec<LayerReport> {
    texts
        .chunks_exact(2)
        .filter_map(|pair| {
            let missing = (!pair[1].is_empty()).then(|| pair[1].clone());
            Some(LayerReport { layer: Layer::from_name(&pair[0])?, missing })
        })
        .collect()
}
