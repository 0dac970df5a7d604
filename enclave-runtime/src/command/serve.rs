use std::path::PathBuf;
use std::time::Duration;

use cape_core::encoding::hex;
use cape_core::session::Mode;

use super::keeper::{KMS_OPTIONS, Keeper};
use super::options::{CommandError, Given, Options};
use super::platform::{Simulation, module, read_settings};
use crate::error::StartError;
use crate::log;
use crate::net::Address;
use crate::python::Python;
use crate::serve::{Configuration, serve};
use crate::vault::Source;
use crate::vault::kms::Service;

const HELP: &str = "\
Example: cape-enclave serve --settings settings.toml --python /usr/bin/python3.11 --nsm nsm \\
             --vault-key vault.key --vault-id HEX --blobs /run/cape/blobs --listen 127.0.0.1:0

Run the runtime, with a simulated security module. When it is ready it prints one line of JSON,
{\"ready\": true, \"port\": N, \"operate\": N or null, \"vault\": hex, \"document\": SHA-384 of a
document, hex, \"stop_grace_s\": N}. It logs lines of JSON to standard error. An error at the start
is one line of JSON on standard error, and exit code 78.

It ends on SIGTERM, or when its standard input does, unless that is /dev/null: it prints
{\"stopping\": true}, takes no new calls, and lets those under way go on for stop_grace_s seconds.
Another SIGTERM ends it at once.

Usage: cape-enclave serve --settings FILE --python PATH --nsm DIR --vault-id HEX
           (--vault-key FILE | --kms FILE --kms-pipe PIPE)
           --blobs SOCKET --listen ADDRESS [--operate ADDRESS]
           [--log-runs N] [--nsm-delay-ms N] [--nsm-ahead-s N]

Options:
  --settings FILE   The settings
  --python PATH     The interpreter, with its standard library beside it
  --nsm DIR         The development PKI (cape-enclave nsm create)
  --vault-id HEX    Which vault it has to be
  --vault-key FILE  The platform's secret, in a file (cape-enclave vault create)
  --kms FILE        Or how AWS KMS is asked for it, as JSON, in a file that nobody else can read:
                    {\"region\", \"endpoint\", \"key_id\": ARN, \"wrapped\": base64, \"credentials\":
                    {\"access_key_id\", \"secret_access_key\", \"session_token\" or none}}
  --kms-pipe PIPE   What carries bytes to the endpoint: HOST:PORT, or the path of a Unix socket
  --blobs SOCKET    The Unix socket of the host's blob service
  --listen ADDRESS  Where sessions come in: HOST:PORT, where port 0 takes any that is free, or
                    vsock:PORT
  --operate ADDRESS Where the operator asks, of the same forms: /metrics, /healthz, /readyz, over
                    HTTP and for whoever reaches it; none if left out

To develop by; only where the settings' mode is development:
  --log-runs N      Log how runs go on, of N runs a second at most: function, times, bytes, outcome

To develop by, of the simulated security module only; the log warns of them:
  --nsm-delay-ms N  Milliseconds that each question to it takes longer, up to 10000
  --nsm-ahead-s N   Seconds that its clock is ahead of this machine's; below 0 it is behind
";

const NAMES: [&str; 6] = ["settings", "python", "nsm", "vault-id", "blobs", "listen"];

/// Where the secret is, unless KMS keeps it.
const VAULT_KEY: &str = "vault-key";

/// The operator's own address, which may be left out.
const OPERATE: &str = "operate";

/// How much of what runs is logged, in development.
const LOG_RUNS: &str = "log-runs";

/// Options that make the simulated security module worse than it could be.
const DELAY: &str = "nsm-delay-ms";
const AHEAD: &str = "nsm-ahead-s";

const MAX_DELAY_MS: u64 = 10_000;

pub(super) fn run(parser: &mut lexopt::Parser) -> Result<String, CommandError> {
    let optional = [&KMS_OPTIONS[..], &[VAULT_KEY, OPERATE, LOG_RUNS, DELAY, AHEAD]].concat();
    let options = match Options::read_with(parser, &NAMES, &optional)? {
        Given::Help => return Ok(HELP.to_owned()),
        Given::Options(options) => options,
    };
    let address = options.parsed("listen", Address::LISTENING, Address::parse_listening)?;
    let operate = options.optional(OPERATE, Address::LISTENING, Address::parse_listening)?;
    let vault_id = options.parsed("vault-id", "64 hexadecimal digits", hex::decode_array::<32>)?;
    let log_runs = options.optional(LOG_RUNS, "a number", |text| text.parse().ok())?;
    let simulation = simulation(&options)?;
    let keeper = Keeper::of(&options, VAULT_KEY)?;
    start(&options, keeper, address, operate, &vault_id, log_runs, simulation)
        .map_err(|error| CommandError::Start { error, json: true })
        .map(|()| String::new())
}

fn simulation(options: &Options) -> Result<Simulation, CommandError> {
    let delay = options.optional(DELAY, "a number of milliseconds up to 10000", |text| {
        text.parse().ok().filter(|delay| *delay <= MAX_DELAY_MS)
    })?;
    let ahead_s = options.optional(AHEAD, "a number of seconds", |text| text.parse().ok())?;
    Ok(Simulation {
        delay: Duration::from_millis(delay.unwrap_or_default()),
        ahead_s: ahead_s.unwrap_or_default(),
    })
}

fn start(
    options: &Options,
    keeper: Keeper,
    address: Address,
    operate: Option<Address>,
    vault_id: &[u8; 32],
    log_runs: Option<u64>,
    simulation: Simulation,
) -> Result<(), StartError> {
    let settings_file: PathBuf = options.path("settings");
    let settings = read_settings(&settings_file)?;
    if log_runs.is_some() && settings.mode != Mode::Development {
        return Err(StartError::new("--log-runs is for development, and the settings' mode is production"));
    }
    let python = Python::find(&options.path("python"))?;
    let vault = match keeper {
        Keeper::File(key) => Source::File(key),
        Keeper::Kms(access, pipe) => Source::Kms(Box::new(Service::read(&access, pipe)?)),
    };
    let nsm = module(&options.path("nsm"), &settings_file, &python, simulation)?;
    log::start();
    serve(Configuration {
        settings,
        python,
        vault,
        vault_id: *vault_id,
        nsm: Box::new(nsm),
        simulation,
        blobs: Address::Unix(options.path("blobs")),
        address,
        operate,
        log_runs,
    })
}
