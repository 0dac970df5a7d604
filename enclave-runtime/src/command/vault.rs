use cape_core::encoding::hex;
use lexopt::prelude::*;
use serde_json::json;

use super::options::{CommandError, Given, Options};
use super::platform::{Simulation, module, read_settings};
use crate::python::Python;
use crate::vault;

const HELP: &str = "\
Example: cape-enclave vault create --key vault.key --nsm nsm --settings settings.toml \\
             --python /usr/bin/python3.11

Make the platform's secret, once, in a file of mode 0600; a file that exists is left as it is, and
that is an error. Prints the vault's id and the document of its birth, which profiles carry:
{\"vault\": hex, \"birth\": base64}.

Usage: cape-enclave vault create --key FILE --nsm DIR --settings FILE --python PATH

Options:
  --key FILE       Where the secret goes
  --nsm DIR        The development PKI (cape-enclave nsm create)
  --settings FILE  The settings
  --python PATH    The interpreter, with its standard library beside it
  --json           Errors as JSON
";

pub(super) fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    match parser.next()? {
        Some(Value(command)) if command == "create" => create(parser),
        Some(Short('h') | Long("help")) => Ok(HELP.to_owned()),
        _ => Err(CommandError::usage("the command is vault create")),
    }
}

fn create(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    let options = match Options::read(parser, &["key", "nsm", "settings", "python"])? {
        Given::Help => return Ok(HELP.to_owned()),
        Given::Options(options) => options,
    };
    let made = (|| {
        let settings = read_settings(&options.path("settings"))?;
        let python = Python::find(&options.path("python"))?;
        let nsm = module(&options.path("nsm"), &options.path("settings"), &python, Simulation::default())?;
        vault::file::create(&settings, &options.path("key"), &nsm)
    })();
    let (id, birth) = made.map_err(options.error())?;
    let birth = base64_simd::STANDARD.encode_to_string(birth);
    Ok(json!({"vault": hex::encode(&id), "birth": birth}).to_string() + "\n")
}
