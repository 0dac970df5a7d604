use super::options::{CommandError, Given, Options};
use crate::init::COMMAND_LINE;

const HELP: &str = "\
Example: cape-enclave command-line

Print the kernel's command line of an image that has this program as its first. It is compared with
the one that the kernel was started with, so an image has no other.

Usage: cape-enclave command-line
";

pub(super) fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    match Options::read(parser, &[])? {
        Given::Help => Ok(HELP.to_owned()),
        Given::Options(_) => Ok(format!("{COMMAND_LINE}\n")),
    }
}
