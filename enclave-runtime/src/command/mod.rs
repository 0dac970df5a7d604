//! The command line.

mod check_image;
mod command_line;
mod keeper;
mod measure;
mod nsm;
mod options;
mod platform;
mod serve;
mod vault;
mod worker;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use lexopt::prelude::*;

use options::CommandError;
pub(crate) use platform::Simulation;

const HELP: &str = "\
Example: cape-enclave measure --settings settings.toml --python /usr/bin/python3.11

The runtime of Cape: sessions, vault, functions and their workers in one process.

Usage: cape-enclave COMMAND [OPTIONS]

Commands:
  check-image   Check what an image with this program is to have
  command-line  Print the kernel's command line of an image with this program
  measure       Print the measurements of this runtime, from its files alone
  nsm create    Make the development PKI of a simulated security module, once
  vault create  Make the platform's secret and its birth document, once
  serve         Run the runtime
  worker        Become a function's process (started by the runtime itself)

Options:
  -h, --help     Print this help, or a command's
  -V, --version  Print the version
";

/// Runs what the arguments say; errors go to standard error.
///
/// Exit codes: 0, 2 for wrong usage, 78 for configuration (sysexits.h).
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut parser = lexopt::Parser::from_iter(arguments);
    match run(&mut parser) {
        Ok(output) => {
            // A reader that has gone away is no error of the command.
            let _ = std::io::stdout().write_all(output.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            error.exit_code()
        }
    }
}

/// What a command prints when it succeeds.
fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    match parser.next()? {
        Some(Short('h') | Long("help")) => Ok(HELP.to_owned()),
        Some(Short('V') | Long("version")) => Ok(format!("cape-enclave {}\n", env!("CARGO_PKG_VERSION"))),
        Some(Value(command)) => match command.to_str() {
            Some("check-image") => check_image::run(parser),
            Some("command-line") => command_line::run(parser),
            Some("measure") => measure::run(parser),
            Some("nsm") => nsm::run(parser),
            Some("serve") => serve::run(parser),
            Some("vault") => vault::run(parser),
            Some("worker") => worker::run(parser),
            _ => Err(CommandError::usage(format!("there is no command {command:?}"))),
        },
        Some(argument) => Err(argument.unexpected().into()),
        None => Err(CommandError::usage("a command is missing, see --help")),
    }
}
