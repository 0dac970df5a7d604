use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use super::options::{CommandError, Given, Options};
use crate::error::StartError;
use crate::jail::Jail;
use crate::worker::child::{self, Connections, Interpreter};

const HELP: &str = "\
Example: none, the runtime starts its workers itself

Become a function's process: put on the jail, then start the interpreter that runs the shim.

Usage: cape-enclave worker --python PATH --pycache DIR --shim DIR --control N --pipe N --jail JSON

Options:
  --python PATH  The interpreter
  --pycache DIR  Byte-compiled modules, where the jail gives no root with others
  --shim DIR     The module that runs functions, where the jail gives no root with it
  --control N    The descriptor on which the runtime is told how the interpreter ended
  --pipe N       The descriptor that the interpreter gets
  --jail JSON    What to put around it
";

/// Returns only when the process did not become a worker.
pub(super) fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    let options = match Options::read(parser, &["python", "pycache", "shim", "control", "pipe", "jail"])? {
        Given::Help => return Ok(HELP.to_owned()),
        Given::Options(options) => options,
    };
    let interpreter = Interpreter {
        python: options.path("python"),
        pycache: options.path("pycache"),
        shim: options.path("shim"),
    };
    let jail: Jail =
        options.parsed("jail", "a description of a jail", |text| serde_json::from_str(text).ok())?;
    let connections = Connections {
        control: descriptor(&options, "control")?.into(),
        pipe: descriptor(&options, "pipe")?.into(),
    };
    Err(options.error()(StartError::new(child::run(&interpreter, &jail, connections).to_string())))
}

fn descriptor(options: &Options, name: &str) -> Result<OwnedFd, CommandError> {
    let number: RawFd = options
        .parsed(name, "the number of a descriptor", |text| text.parse().ok().filter(|number| *number > 2))?;
    // SAFETY: the runtime gives each of them to this process for this purpose, and nothing else here
    // knows the number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
