use cape_core::crypto::sha256;
use cape_core::encoding::hex;
use cape_nsm::Pki;
use lexopt::prelude::*;
use serde_json::json;

use super::options::{CommandError, Given, Options};
use crate::clock::Clock;
use crate::error::StartError;

const HELP: &str = "\
Example: cape-enclave nsm create --dir ~/.local/share/cape/local/nsm

Make the development PKI that signs the documents of a simulated security module, once; a folder
that has one already is left as it is, and that is an error. Prints the root's certificate:
{\"root\": DER in base64, \"sha256\": hex}.

Usage: cape-enclave nsm create --dir DIR

Options:
  --dir DIR  The folder, mode 0700
  --json     Errors as JSON
";

pub(super) fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    match parser.next()? {
        Some(Value(command)) if command == "create" => create(parser),
        Some(Short('h') | Long("help")) => Ok(HELP.to_owned()),
        _ => Err(CommandError::usage("the command is nsm create")),
    }
}

fn create(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    let options = match Options::read(parser, &["dir"])? {
        Given::Help => return Ok(HELP.to_owned()),
        Given::Options(options) => options,
    };
    let pki = Pki::create(&options.path("dir"), Clock::default().now().as_millis())
        .map_err(|error| options.error()(StartError::new(error.to_string())))?;
    let root = pki.root();
    Ok(json!({"root": base64_simd::STANDARD.encode_to_string(root), "sha256": hex::encode(&sha256(&[root]))})
        .to_string()
        + "\n")
}
