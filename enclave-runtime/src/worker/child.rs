//! The other side of the fork: `cape-enclave worker`, one thread, no runtime of its own.
//!
//! It puts on the jail, says on the pipe how that went, and starts the interpreter that runs the
//! shim. Nothing of the function is here yet. What stays of it is the first process of its process
//! namespace: it takes in what the function's processes leave behind, and when it ends, they do.

use std::convert::Infallible;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{
    Pid, Signal, WaitOptions, set_child_subreaper, set_parent_process_death_signal, setsid, wait,
};

use super::fields::fields;
use super::process::Ended;
use super::protocol::{Kind, frame};
use super::shim;
use crate::jail::{Jail, Layer, LayerReport, PYCACHE, SHIM, is_on};

/// What a worker starts.
pub(crate) struct Interpreter {
    /// The program.
    pub(crate) python: PathBuf,
    /// The folder of byte-compiled modules, the runtime's own: what lies beside the sources was not
    /// measured.
    pub(crate) pycache: PathBuf,
    /// The folder of the [shim](super::shim).
    pub(crate) shim: PathBuf,
}

/// The two connections with the runtime.
pub(crate) struct Connections {
    /// On which the runtime is told how the interpreter ended; the function never has it.
    pub(crate) control: UnixStream,
    /// Which the interpreter gets.
    pub(crate) pipe: UnixStream,
}

/// Becomes a worker; returns only when that failed.
pub(crate) fn run(interpreter: &Interpreter, jail: &Jail, connections: Connections) -> io::Error {
    match start(interpreter, jail, connections) {
        Err(error) => error,
    }
}

fn start(interpreter: &Interpreter, jail: &Jail, mut connections: Connections) -> io::Result<Infallible> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    drop(null);
    die_with_the_runtime(&connections.control)?;
    // Where there is no process namespace, orphans of the function come here all the same.
    set_child_subreaper(Some(rustix::process::getpid()))?;
    let mut program = Command::new(&interpreter.python);
    let Connections { control, pipe } = &connections;
    let reports = jail.enter(&mut program, [control.as_fd(), pipe.as_fd()]);
    // Another user is another process to the kernel, in this respect (prctl(2)).
    die_with_the_runtime(control)?;
    let (pycache, shim) = match is_on(&reports, Layer::PrivateRoot) {
        true => (Path::new(PYCACHE), Path::new(SHIM)),
        false => (&*interpreter.pycache, &*interpreter.shim),
    };
    // -I and -S: no variable, no user's packages, no site.
    let pycache = format!("pycache_prefix={}", pycache.display());
    program.args(["-I", "-S", "-X", "utf8", "-X", &pycache, "-c", &shim::command()]);
    program.arg(shim).arg(pipe.as_raw_fd().to_string());
    send(&mut connections.pipe, Kind::Jail, &fields(reports.iter().flat_map(as_fields)))?;
    match fork()? {
        Some(interpreter) => {
            drop(connections.pipe);
            watch(interpreter, connections.control)
        }
        None => {
            drop(connections.control);
            become_interpreter(program, connections.pipe)
        }
    }
}

/// From here on the process ends with the thread that started it; if that was faster, now.
fn die_with_the_runtime(control: &UnixStream) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut state = [PollFd::new(control, PollFlags::empty())];
    poll(&mut state, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if state[0].revents().contains(PollFlags::HUP) {
        return Err(io::Error::other("the runtime is gone"));
    }
    Ok(())
}

/// Waits for the interpreter and for whatever it leaves behind, says how it ended, and ends.
fn watch(interpreter: Pid, mut control: UnixStream) -> ! {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((process, status))) if process == interpreter => {
                let ended = match status.terminating_signal() {
                    Some(signal) => Ended::Signal(signal),
                    None => Ended::Exit(status.exit_status().unwrap_or(0)),
                };
                // A runtime that is gone has nothing to be told.
                let _ = control.write_all(&ended.to_bytes());
                std::process::exit(0)
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => std::process::exit(1),
        }
    }
}

fn become_interpreter(mut program: Command, mut pipe: UnixStream) -> ! {
    let started = (|| {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        setsid()?;
        fcntl_setfd(&pipe, FdFlags::empty())?;
        Err(program.exec())
    })();
    let Err(error): io::Result<Infallible> = started;
    let reason = format!("{}: {error}", program.get_program().display());
    let _ = send(&mut pipe, Kind::NotStarted, &fields([reason.as_str()]));
    std::process::exit(1)
}

/// The new process's number, and in the new process none.
fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the process has one thread, so the new one may do whatever this one may.
    let number = unsafe { libc::fork() };
    if number < 0 { Err(io::Error::last_os_error()) } else { Ok(Pid::from_raw(number)) }
}

fn as_fields(report: &LayerReport) -> [&str; 2] {
    [report.layer.name(), report.missing.as_deref().unwrap_or("")]
}

fn send(pipe: &mut UnixStream, kind: Kind, payload: &[u8]) -> io::Result<()> {
    pipe.write_all(&frame(kind, payload)?)
}
