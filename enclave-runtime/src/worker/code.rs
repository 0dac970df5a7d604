//! What a worker is given to import or to compile, and where it sees it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fields::fields;
use super::protocol::Kind;
use super::spawner::Shown;
use super::{Failure, Worker};
use crate::jail::{FUNCTION, Layer, PYCACHE, Seen, inside};

/// What LOAD says of a function whose calls each run in a process of their own.
const FORKS: &str = "forks";

/// The same, where nothing else is in the worker's process namespace and root: what a call leaves
/// there can be removed.
const FORKS_ALONE: &str = "forks alone";

/// What DONE says of a handler that takes a stream.
const STREAM: &[u8] = b"stream";

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
    /// The interpreter's, which is in every root at its own place.
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
    /// Imports a function. After a failure the worker is of no use any more; none of the function's code
    /// has run after [`Failure::NotStarted`].
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
        if !self.is_running() {
            return Err(ended_early());
        }
        let done = self.ask(Kind::Load, &payload, load.timeout).await?;
        self.takes_stream = done == STREAM;
        Ok(())
    }

    /// Lets the worker see code, and what is compiled of it as `compiled` says; returns where it sees
    /// the sources.
    pub(super) async fn show(&self, code: &Code, owner: Owner, compiled: Seen) -> Result<PathBuf, Failure> {
        if !self.has(Layer::PrivateRoot) {
            return Ok(code.folder.clone());
        }
        let shown = |folder: &Path, seen_at, seen| Shown { folder: folder.to_owned(), seen_at, seen };
        let (sources, folders) = match owner {
            Owner::Function => {
                let sources = PathBuf::from(FUNCTION);
                let compiled_at = inside(Path::new(PYCACHE), Path::new(FUNCTION));
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
        result.map(|()| sources).map_err(|error| match self.is_running() {
            true => Failure::NotStarted(error.to_string()),
            false => ended_early(),
        })
    }

    /// The limit of the interpreter itself, in bytes, as it is told.
    pub(super) fn memory_of_one(&self, memory_mib: u64) -> String {
        let limited = self.has(Layer::ResourceLimits);
        if limited { (memory_mib << 20).to_string() } else { String::new() }
    }
}

fn ended_early() -> Failure {
    Failure::NotStarted("its process ended while it waited for a function".into())
}
