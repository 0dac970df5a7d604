//! Workers: processes that run a function's code, one call at a time.
//!
//! The runtime's half is here; what happens in the process is in [`child`] (Rust, until it becomes
//! Python) and in `shim/shim.py`. A worker that is dropped is killed.

mod call;
pub(crate) mod child;
mod clone;
mod failure;
mod fields;
mod memory_watch;
mod orphans;
mod pool;
mod process;
mod protocol;
mod spawner;
mod users;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cape_core::session::MAX_INLINE;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

pub(crate) use call::{Call, Input, Log, Output, Usage};
pub(crate) use failure::{Failure, Phase};
pub(crate) use orphans::end_all_children;
pub(crate) use pool::{Overloaded, Pool, Slot};
pub(crate) use process::Ended;
pub(crate) use spawner::{Blueprint, Spawner};

use crate::jail::{FUNCTION, Layer, LayerReport, PYCACHE, Seen};
use call::{Broken, Measure, collect, feed, within};
use fields::{fields, texts};
use process::Process;
use protocol::{Frame, Kind, Pipe};
use spawner::Shown;

/// How long an interpreter may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What byte-compiling a bundle may take.
const COMPILE_TIMEOUT: Duration = Duration::from_secs(300);
const COMPILE_MEMORY_MIB: u64 = 1024;

/// Bytes of byte-compiled modules after which no more are made.
const COMPILED_BYTES: u64 = 256 << 20;

/// What LOAD says of a function whose calls each run in a process of their own.
const FORKS: &str = "forks";

/// The same, where nothing else is in the worker's process namespace and root: what a call leaves
/// there can be removed.
const FORKS_ALONE: &str = "forks alone";

/// What DONE says of a handler that takes a stream.
const STREAM: &[u8] = b"stream";

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

/// Python code, and its modules byte-compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// Where the sources are.
    pub(crate) folder: PathBuf,
    /// Where what is compiled of them is, or will be.
    pub(crate) compiled: PathBuf,
}

/// Whose code it is, which decides where a worker with a root of its own sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A function's.
    Function,
    /// The interpreter's, which is in every root.
    Interpreter,
}

/// What a worker needs to know of a function.
pub(crate) struct Load<'a> {
    /// The unpacked bundle.
    pub(crate) code: &'a Code,
    /// `module:function`.
    pub(crate) handler: &'a str,
    /// The environment that the manifest names.
    pub(crate) environment: Vec<(&'a str, &'a str)>,
    /// The limit of its memory.
    pub(crate) memory_mib: u64,
    /// How long importing it may take.
    pub(crate) timeout: Duration,
    /// Whether each call is to run in a process of its own, forked from the one that imported it.
    pub(crate) forks: bool,
}

impl Worker {
    /// Starts a worker without a function.
    pub(crate) async fn start(spawner: &Arc<Spawner>) -> Result<Self, Failure> {
        let not_started = |error: std::io::Error| Failure::NotStarted(error.to_string());
        let (mut process, stream) = spawner.spawn().await.map_err(not_started)?;
        let mut pipe = Pipe::new(stream).map_err(not_started)?;
        let deadline = Instant::now() + START_TIMEOUT;
        let greeting = timeout_at(deadline, async {
            let mut layers = Vec::new();
            loop {
                let Frame { kind, payload } = pipe.receiver.receive().await.map_err(not_started)?;
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
        self.pipe.is_open() && self.process.is_running()
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

    /// Imports a function. After a failure the worker is of no use any more.
    pub(crate) async fn load(&mut self, load: &Load<'_>) -> Result<(), Failure> {
        self.limit_memory(load.memory_mib)?;
        let folder = self.show(load.code, Owner::Function, Seen::ReadOnly).await?;
        let (memory, folder) = (self.memory_of_one(load.memory_mib), folder.to_string_lossy());
        let pairs = load.environment.iter().flat_map(|(name, value)| [*name, *value]);
        if load.forks {
            self.process.fork_calls();
        }
        let alone = self.has(Layer::PidNamespace) && self.has(Layer::PrivateRoot);
        let forks = match (load.forks, alone) {
            (false, _) => "",
            (true, false) => FORKS,
            (true, true) => FORKS_ALONE,
        };
        let payload = fields([&memory, &*folder, load.handler, forks].into_iter().chain(pairs));
        let done = self.ask(Kind::Load, &payload, load.timeout).await?;
        self.takes_stream = done == STREAM;
        Ok(())
    }

    /// Whether the function that it has imported takes its input as a stream.
    pub(crate) fn takes_stream(&self) -> bool {
        self.takes_stream
    }

    /// Byte-compiles modules, but for folders of the names `excluded`, at the lowest priority. None of
    /// their code runs.
    pub(crate) async fn compile(
        &mut self,
        code: &Code,
        owner: Owner,
        excluded: &[&str],
    ) -> Result<(), Failure> {
        self.limit_memory(COMPILE_MEMORY_MIB)?;
        let not_started = |error: std::io::Error| Failure::NotStarted(error.to_string());
        std::fs::create_dir_all(&code.compiled).map_err(not_started)?;
        let user = self.process.user();
        std::os::unix::fs::chown(&code.compiled, user, user).map_err(not_started)?;
        let folder = self.show(code, owner, Seen::Writable).await?;
        let folder = folder.to_string_lossy();
        let (memory, size) = (self.memory_of_one(COMPILE_MEMORY_MIB), COMPILED_BYTES.to_string());
        let payload = fields([&memory, &*folder, &size].into_iter().chain(excluded.iter().copied()));
        self.ask(Kind::Compile, &payload, COMPILE_TIMEOUT).await.map(drop)
    }

    /// Lets the worker see code, and what is compiled of it as `compiled` says; returns where it sees
    /// the sources.
    async fn show(&self, code: &Code, owner: Owner, compiled: Seen) -> Result<PathBuf, Failure> {
        if !self.has(Layer::PrivateRoot) {
            return Ok(code.folder.clone());
        }
        let shown = |folder: &Path, seen_at, seen| Shown { folder: folder.to_owned(), seen_at, seen };
        let (sources, folders) = match owner {
            Owner::Function => {
                let sources = PathBuf::from(FUNCTION);
                let compiled_at = Path::new(PYCACHE).join(FUNCTION.trim_start_matches('/'));
                let folders = vec![
                    shown(&code.folder, sources.clone(), Seen::ReadOnly),
                    shown(&code.compiled, compiled_at, compiled),
                ];
                (sources, folders)
            }
            Owner::Interpreter => {
                (code.folder.clone(), vec![shown(&code.compiled, PathBuf::from(PYCACHE), compiled)])
            }
        };
        let result = self.process.show(&self.spawner, folders).await;
        result.map(|()| sources).map_err(|error| Failure::NotStarted(error.to_string()))
    }

    fn has(&self, layer: Layer) -> bool {
        self.layers.iter().any(|report| report.layer == layer && report.missing.is_none())
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
        let last = within(call.timeout, exchange).await?;
        Ok((last, measure.end(&self.process)))
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
        let last = within(call.timeout, exchange).await?;
        Ok((last, measure.end(&self.process)))
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
        let timeout = Failure::Timeout { phase: Phase::Load, limit };
        timeout_at(Instant::now() + limit, exchange).await.unwrap_or(Err(timeout))
    }

    /// Why the other end of the pipe is gone.
    async fn ended(&mut self) -> Failure {
        let ended = self.process.end().await;
        if self.process.ran_out_of_memory() {
            return Failure::OutOfMemory { limit_mib: self.memory_mib };
        }
        Failure::Crashed(ended)
    }

    /// The limit of the interpreter itself, in bytes, as it is told.
    fn memory_of_one(&self, memory_mib: u64) -> String {
        let limited = self.has(Layer::ResourceLimits);
        if limited { (memory_mib << 20).to_string() } else { String::new() }
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
