use super::options::{CommandError, Given, Options};
use crate::measure;
use crate::python::Python;

const HELP: &str = "\
Example: cape-enclave measure --settings settings.toml --python /usr/bin/python3.11

Print the measurements of this runtime as JSON, from its files alone: PCR1 speaks for this binary
and the settings, PCR2 for the interpreter and its standard library, PCR0 for both. A policy is
written from this, never from what a running enclave says.

Usage: cape-enclave measure --settings FILE --python PATH

Options:
  --settings FILE  The settings
  --python PATH    The interpreter, with its standard library beside it
  --json           Errors as JSON
";

pub(super) fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    let options = match Options::read(parser, &["settings", "python"])? {
        Given::Help => return Ok(HELP.to_owned()),
        Given::Options(options) => options,
    };
    let python = Python::find(&options.path("python")).map_err(options.error())?;
    let measurements = measure::measure(&options.path("settings"), &python).map_err(options.error())?;
    Ok(measure::to_json(&measurements, &python) + "\n")
}
