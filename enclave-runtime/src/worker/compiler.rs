//! A worker that byte-compiles modules, and is given no function.

use std::io;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::time::Duration;

use super::fields::fields;
use super::protocol::Kind;
use super::{Code, Failure, Owner, START_TIMEOUT, Worker};
use crate::jail::Seen;

/// What compiling a folder may take.
const TIMEOUT: Duration = Duration::from_secs(300);
const MEMORY_MIB: u64 = 1024;

/// Bytes of compiled modules after which no more are made.
const BYTES: u64 = 256 << 20;

/// A worker that may write what is compiled of some code.
pub(crate) struct Compiler {
    worker: Worker,
    /// Where it sees the sources.
    sources: PathBuf,
}

impl Compiler {
    /// Makes one of a worker that has no function.
    pub(crate) async fn new(mut worker: Worker, code: &Code, owner: Owner) -> Result<Self, Failure> {
        worker.limit_memory(MEMORY_MIB)?;
        std::fs::create_dir_all(&code.compiled).map_err(not_started)?;
        let user = worker.process.user();
        chown(&code.compiled, user, user).map_err(not_started)?;
        let sources = worker.show(code, owner, Seen::Writable).await?;
        Ok(Self { worker, sources })
    }

    /// Compiles what the worker imported until it was ready, the module that runs functions among it:
    /// what every worker begins with.
    pub(crate) async fn compile_imported(&mut self) -> Result<(), Failure> {
        self.worker.ask(Kind::CompileImported, &[], START_TIMEOUT).await.map(drop)
    }

    /// Compiles all modules of the sources, but for folders of the names `excluded`, with what others leave
    /// of the processors. None of their code runs.
    pub(crate) async fn compile_all(mut self, excluded: &[&str]) -> Result<(), Failure> {
        self.worker.process.give_way().map_err(not_started)?;
        let (memory, size) = (self.worker.memory_of_one(MEMORY_MIB), BYTES.to_string());
        let sources = self.sources.to_string_lossy();
        let payload = fields([&memory, &*sources, &size].into_iter().chain(excluded.iter().copied()));
        self.worker.ask(Kind::Compile, &payload, TIMEOUT).await.map(drop)
    }
}

fn not_started(error: io::Error) -> Failure {
    Failure::NotStarted(error.to_string())
}
