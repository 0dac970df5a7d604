use rustix::process::Pid;

use super::options::{CommandError, Given, Options};
use crate::error::StartError;
use crate::worker::child::{self, Interpreter};

const HELP: &str = "\
Example: none, the runtime starts its workers itself

Become a function's process: put on the jail, then become the interpreter that runs the shim. The
pipe to the runtime is standard input.

Usage: cape-enclave worker --python PATH --pycache DIR --parent PID
";

/// Returns only when the process did not become a worker.
pub(super) fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    let options = match Options::read(parser, &["python", "pycache", "parent"])? {
        Given::Help => return Ok(HELP.to_owned()),
        Given::Options(options) => options,
    };
    let interpreter = Interpreter { python: options.path("python"), pycache: options.path("pycache") };
    let parent =
        options.parsed("parent", "the number of a process", |text| Pid::from_raw(text.parse().ok()?))?;
    Err(options.error()(StartError::new(child::run(&interpreter, parent).to_string())))
}
