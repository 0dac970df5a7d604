//! Workers: processes that run a function's code, one call at a time.
//!
//! The runtime's half is here; what happens in the process is in [`child`] (Rust, until it becomes
//! Python) and in `shim/shim.py`. A worker that is dropped is killed.

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
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cape_core::session::MAX_INLINE;
use tokio::time::{Instant, timeout_at};

pub(crate) use failure::{Failure, Phase};
pub(crate) use orphans::end_all_children;
pub(crate) use pool::{Overloaded, Pool, Slot};
pub(crate) use process::Ended;
pub(crate) use spawner::{Blueprint, Spawner};

use crate::jail::{FUNCTION, Layer, LayerReport, PYCACHE, Seen};
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

/// A process that waits for a function, has one, or runs it.
pub(crate) struct Worker {
    spawner: Arc<Spawner>,
    process: Process,
    pipe: Pipe,
    layers: Vec<LayerReport>,
    python: String,
    memory_mib: u64,
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
    /// What the handler is given.
    pub(crate) input: &'a [u8],
}

/// Takes the output of a call as it comes, up to its last bytes.
pub(crate) trait Output {
    /// Takes some bytes; returns when the next may come.
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure>;
}

/// What a call cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// From the call to the last byte of its output.
    pub(crate) duration: Duration,
    /// Processor time of the worker meanwhile.
    pub(crate) cpu_time: Duration,
    /// The most memory that the worker has had in use since it started, in bytes.
    pub(crate) peak_memory: u64,
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
                let Frame { kind, payload } = pipe.receive().await.map_err(not_started)?;
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
        Ok(Self { spawner: Arc::clone(spawner), process, pipe, layers, python, memory_mib: 0 })
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
        let forks = if load.forks { FORKS } else { "" };
        let payload = fields([&memory, &*folder, load.handler, forks].into_iter().chain(pairs));
        self.ask(Kind::Load, &payload, load.timeout).await
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
        self.ask(Kind::Compile, &payload, COMPILE_TIMEOUT).await
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

    /// Calls the function; returns the last bytes of its output, at most [`MAX_INLINE`], which
    /// `output` has not seen.
    ///
    /// The worker can take another call when this succeeded or the function raised an exception.
    pub(crate) async fn call(
        &mut self,
        call: &Call<'_>,
        output: &mut impl Output,
    ) -> Result<(Vec<u8>, Usage), Failure> {
        let started = Instant::now();
        let cpu_before = self.process.cpu_time();
        let result = timeout_at(started + call.timeout, self.exchange(call, output));
        let timeout = Failure::Timeout { phase: Phase::Call, limit: call.timeout };
        let last = result.await.unwrap_or(Err(timeout))?;
        let usage = Usage {
            duration: started.elapsed(),
            cpu_time: self.process.cpu_time().saturating_sub(cpu_before),
            peak_memory: self.process.peak_memory(),
        };
        Ok((last, usage))
    }

    async fn exchange(&mut self, call: &Call<'_>, output: &mut impl Output) -> Result<Vec<u8>, Failure> {
        let deadline = SystemTime::now() + call.time_left;
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64().to_string();
        let context = fields([call.function_id, call.checksum, call.account.unwrap_or(""), &deadline]);
        self.send(Kind::Call, &context).await?;
        self.send(Kind::Input, call.input).await?;
        loop {
            let frame = self.receive().await?;
            match frame.kind {
                Kind::Output => output.write(frame.payload).await?,
                Kind::Result if frame.payload.len() <= MAX_INLINE => return Ok(frame.payload),
                _ => return Err(self.failure(&frame).await),
            }
        }
    }

    /// Sends a request that is answered by DONE.
    async fn ask(&mut self, kind: Kind, payload: &[u8], limit: Duration) -> Result<(), Failure> {
        let exchange = async {
            self.send(kind, payload).await?;
            let frame = self.receive().await?;
            match frame.kind {
                Kind::Done => Ok(()),
                _ => Err(self.failure(&frame).await),
            }
        };
        let timeout = Failure::Timeout { phase: Phase::Load, limit };
        timeout_at(Instant::now() + limit, exchange).await.unwrap_or(Err(timeout))
    }

    async fn send(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Failure> {
        match self.pipe.send(kind, payload).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ended().await),
        }
    }

    async fn receive(&mut self) -> Result<Frame, Failure> {
        match self.pipe.receive().await {
            Ok(frame) => Ok(frame),
            Err(_) => Err(self.ended().await),
        }
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
    async fn failure(&mut self, frame: &Frame) -> Failure {
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
