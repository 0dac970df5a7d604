use std::net::SocketAddr;
use std::path::PathBuf;

use cape_core::encoding::hex;

use super::options::{CommandError, Given, Options};
use super::platform::{module, read_settings};
use crate::error::StartError;
use crate::python::Python;
use crate::serve::{Configuration, serve};
use crate::vault;

const HELP: &str = "\
Example: cape-enclave serve --settings settings.toml --python /usr/bin/python3.11 --nsm nsm \\
             --vault-key vault.key --vault-id HEX --blobs /run/cape/blobs --listen 127.0.0.1:0

Run the runtime, with a simulated security module. When it is ready it prints one line of JSON,
{\"ready\": true, \"port\": N, \"vault\": hex, \"document\": SHA-384 of a document, hex}. It logs lines
of JSON to standard error and ends when its standard input does, or on SIGTERM. An error at the
start is one line of JSON on standard error, and exit code 78.

Usage: cape-enclave serve --settings FILE --python PATH --nsm DIR --vault-key FILE --vault-id HEX
           --blobs SOCKET --listen ADDRESS

Options:
  --settings FILE   The settings
  --python PATH     The interpreter, with its standard library beside it
  --nsm DIR         The development PKI (cape-enclave nsm create)
  --vault-key FILE  The platform's secret (cape-enclave vault create)
  --vault-id HEX    Which vault that has to be
  --blobs SOCKET    The Unix socket of the host's blob service
  --listen ADDRESS  Address and port for sessions; port 0 takes any that is free
";

const NAMES: [&str; 7] = ["settings", "python", "nsm", "vault-key", "vault-id", "blobs", "listen"];

pub(super) fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    let options = match Options::read(parser, &NAMES)? {
        Given::Help => return Ok(HELP.to_owned()),
        Given::Options(options) => options,
    };
    let address = options.parsed("listen", "an address and a port", |text| text.parse().ok())?;
    let vault_id = options.parsed("vault-id", "64 hexadecimal digits", hex::decode_array::<32>)?;
    start(&options, address, &vault_id)
        .map_err(|error| CommandError::Start { error, json: true })
        .map(|()| String::new())
}

fn start(options: &Options, address: SocketAddr, vault_id: &[u8; 32]) -> Result<(), StartError> {
    let settings_file: PathBuf = options.path("settings");
    let settings = read_settings(&settings_file)?;
    let python = Python::find(&options.path("python"))?;
    let vault = vault::open(&settings, &options.path("vault-key"), vault_id)?;
    let nsm = module(&options.path("nsm"), &settings_file, &python)?;
    serve(Configuration {
        settings,
        python,
        vault,
        nsm: Box::new(nsm),
        blobs: options.path("blobs"),
        address,
    })
}
