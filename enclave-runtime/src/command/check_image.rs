use serde_json::{Value, json};

use super::options::{CommandError, Given, Options};
use crate::c_library::LOADER;
use crate::init::{check_program, check_served};
use crate::python::IMAGE_PROGRAMS;

const HELP: &str = "\
Example: cape-enclave check-image --settings settings.toml

Check what an image with this program as its first is to have, as that does when it starts. Print
what it needs in the image's files: {\"interpreters\": the folder with its one python3.N, which has
the standard library in ../lib/python3.N, \"loader\": the path that leads to the loader of programs,
which has libc.so.6 beside it}; {} where it runs a program of the image's own.

Usage: cape-enclave check-image (--settings FILE [--insecure-vault-key FILE] | --program FILE)

Options:
  --settings FILE            The settings of an image that serves functions
  --insecure-vault-key FILE  A vault's key that is part of the image
  --program FILE             The program.json of an image that runs a program of its own
  --json                     Errors as JSON
";

const SETTINGS: &str = "settings";
const VAULT_KEY: &str = "insecure-vault-key";
const PROGRAM: &str = "program";

pub(super) fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    let options = match Options::read_with(parser, &[], &[SETTINGS, VAULT_KEY, PROGRAM])? {
        Given::Help => return Ok(HELP.to_owned()),
        Given::Options(options) => options,
    };
    let key = options.has(VAULT_KEY).then(|| options.path(VAULT_KEY));
    let needs = match (options.has(SETTINGS), options.has(PROGRAM), &key) {
        (true, false, _) => {
            check_served(&options.path(SETTINGS), key.as_deref()).map(|()| needs_of_functions())
        }
        (false, true, None) => check_program(&options.path(PROGRAM)).map(|()| json!({})),
        _ => return Err(CommandError::usage("--settings is wanted, or --program without a vault's key")),
    };
    Ok(needs.map_err(options.error())?.to_string() + "\n")
}

fn needs_of_functions() -> Value {
    json!({"interpreters": IMAGE_PROGRAMS, "loader": LOADER})
}
