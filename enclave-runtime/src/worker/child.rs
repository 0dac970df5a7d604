//! The other side of the fork: `cape-enclave worker`, one thread, no runtime of its own.
//!
//! It puts on the jail, says on the pipe how that went, and becomes the interpreter that runs the
//! shim. Nothing of the function is here yet.

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use super::fields::fields;
use super::protocol::{Kind, frame};
use crate::jail::{self, LayerReport};

/// The Python half of a worker. Compiled in, so that it is measured with the binary.
const SHIM: &str = include_str!("../../shim/shim.py");

/// What a worker becomes.
pub(crate) struct Interpreter {
    /// The program.
    pub(crate) python: PathBuf,
    /// The folder of byte-compiled modules, the runtime's own: what lies beside the sources was not
    /// measured.
    pub(crate) pycache: PathBuf,
}

/// Becomes a worker of the process `parent`, whose pipe is standard input; returns only when that
/// failed.
pub(crate) fn run(interpreter: &Interpreter, parent: Pid) -> io::Error {
    match prepare(interpreter, parent) {
        Ok((mut pipe, mut program)) => {
            let error = jail::become_program(&mut program);
            let reason = format!("{}: {error}", interpreter.python.display());
            let _ = send(&mut pipe, Kind::NotStarted, &fields([reason.as_str()]));
            error
        }
        Err(error) => error,
    }
}

fn prepare(interpreter: &Interpreter, parent: Pid) -> io::Result<(UnixStream, Command)> {
    // From here on the worker ends with the thread that started it; if that was faster, now.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(parent) {
        return Err(io::Error::other("the runtime is gone"));
    }
    let mut pipe = UnixStream::from(fcntl_dupfd_cloexec(io::stdin(), 3)?);
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    // -I and -S: no variable, no user's packages, no site. The descriptor of the pipe is the only
    // argument.
    let pycache = format!("pycache_prefix={}", interpreter.pycache.display());
    let mut program = Command::new(&interpreter.python);
    program.args(["-I", "-S", "-X", "utf8", "-X", &pycache, "-c", SHIM]).arg(pipe.as_raw_fd().to_string());
    let reports = jail::enter(&mut program, pipe.as_fd());
    send(&mut pipe, Kind::Jail, &fields(reports.iter().flat_map(as_fields)))?;
    fcntl_setfd(&pipe, FdFlags::empty())?;
    Ok((pipe, program))
}

fn as_fields(report: &LayerReport) -> [&str; 2] {
    [report.layer.name(), report.missing.as_deref().unwrap_or("")]
}

fn send(pipe: &mut UnixStream, kind: Kind, payload: &[u8]) -> io::Result<()> {
    pipe.write_all(&frame(kind, payload)?)
}
