use std::sync::Arc;

use cape_nsm::Nsm;
use lexopt::prelude::*;

use super::keeper::{KMS_OPTIONS, Keeper};
use super::options::{CommandError, Given, Options};
use super::platform::{Simulation, module, read_settings};
use crate::error::StartError;
use crate::python::Python;
use crate::vault;
use crate::vault::kms::Service;

const HELP: &str = "\
Example: cape-enclave vault create --key vault.key --nsm nsm --settings settings.toml \\
             --python /usr/bin/python3.11

Make the platform's secret, once: in a file of mode 0600, where a file that exists is left as it
is, and that is an error; or with AWS KMS, which makes it for this runtime alone and wraps it.
Prints the vault's id, the document of its birth, which profiles carry, and, with KMS, the wrapped
secret: {\"vault\": hex, \"birth\": base64, \"wrapped\": base64}.

Usage: cape-enclave vault create (--key FILE | --kms FILE --kms-pipe PIPE) --nsm DIR --settings FILE
           --python PATH

Options:
  --key FILE       Where the secret goes
  --kms FILE       How AWS KMS is asked, as for cape-enclave serve, but without \"wrapped\"
  --kms-pipe PIPE  What carries bytes to the endpoint: HOST:PORT, or the path of a Unix socket
  --nsm DIR        The development PKI (cape-enclave nsm create)
  --settings FILE  The settings
  --python PATH    The interpreter, with its standard library beside it
  --json           Errors as JSON
";

/// Where the secret goes, unless KMS wraps it.
const KEY: &str = "key";

pub(super) fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    match parser.next()? {
        Some(Value(command)) if command == "create" => create(parser),
        Some(Short('h') | Long("help")) => Ok(HELP.to_owned()),
        _ => Err(CommandError::usage("the command is vault create")),
    }
}

fn create(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    let optional = [&KMS_OPTIONS[..], &[KEY]].concat();
    let options = match Options::read_with(parser, &["nsm", "settings", "python"], &optional)? {
        Given::Help => return Ok(HELP.to_owned()),
        Given::Options(options) => options,
    };
    let keeper = Keeper::of(&options, KEY)?;
    let made = (|| {
        let settings = read_settings(&options.path("settings"))?;
        let python = Python::find(&options.path("python"))?;
        let nsm = module(&options.path("nsm"), &options.path("settings"), &python, Simulation::default())?;
        match keeper {
            Keeper::File(key) => vault::file::create(&settings, &key, &nsm),
            Keeper::Kms(access, pipe) => {
                let service = Service::read(&access, pipe)?;
                block_on(vault::kms::create(&settings, &service, &(Arc::new(nsm) as Arc<dyn Nsm>)))
            }
        }
    })();
    let created = made.map_err(options.error())?;
    Ok(created.to_json() + "\n")
}

fn block_on<T>(work: impl Future<Output = Result<T, StartError>>) -> Result<T, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::new(format!("no event loop: {error}")))?;
    runtime.block_on(work)
}
