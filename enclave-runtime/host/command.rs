use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::*;
use serde_json::json;

use crate::address::{Address, NoAddress};
use crate::guests::{Guests, Services};
use crate::serve::{Configuration, serve};

const HELP: &str = "\
Example: cape-host --enclaves 1 --sessions 127.0.0.1:8971 --enclave-operate 127.0.0.1:9464 \\
             --operate 127.0.0.1:9470

Move bytes between clients and the enclaves of a host. `cape host run` starts it, and tells it on
standard input, by lines of JSON, where each enclave is: {\"enclave\": N, \"sessions\": ADDRESS or null,
\"operate\": ADDRESS or null}. An address is tcp:HOST:PORT, unix:PATH, vsock:CID:PORT or, where Unix
sockets stand in for vsock, guest:FOLDER:PORT. It ends when standard input does, or on SIGTERM.

When it listens it prints one line of JSON, {\"ready\": true, \"sessions\": PORT, \"operate\": PORT,
\"enclaves\": [PORT, ...]}. It logs lines of JSON to standard error. An error is one line of JSON on
standard error, and exit code 78.

Usage: cape-host --enclaves N --sessions ADDRESS --enclave-operate ADDRESS --operate ADDRESS
           [--connections N] [--idle-s N]
           [--guests GUESTS --blobs SOCKET --supervision DIR [--kms HOST:PORT]]

Options:
  --enclaves N               How many enclaves there are, 1 to 64; they are numbered from 0
  --sessions ADDRESS         Address and port for clients; port 0 takes any that is free
  --enclave-operate ADDRESS  Where the operator reaches enclave 0; the others have the ports above
  --operate ADDRESS          Where it answers itself: /metrics, /healthz
  --connections N            Connections of clients at a time (4096)
  --idle-s N                 Seconds that one of them may be silent (7200)
  --guests GUESTS            How enclaves reach the host: vsock:CID, the first one's, or folder:DIR, of
                             Unix sockets; left out where they are processes
  --blobs SOCKET             The blob service, for guests
  --supervision DIR          The folder of the agent's sockets, 0 and so on, for guests
  --kms HOST:PORT            The one endpoint of KMS, for guests
  -h, --help                 Print this help
  -V, --version              Print the version
";

/// Wrong configuration (sysexits.h, EX_CONFIG).
const CONFIGURATION: u8 = 78;

const MAX_ENCLAVES: usize = 64;

/// Serves as the arguments say. Exit codes: 0, 2 for wrong usage, 78 for configuration.
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let configuration = match read(&mut lexopt::Parser::from_iter(arguments)) {
        Ok(Given::Text(text)) => {
            // A reader that has gone away is no error of the command.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Ok(Given::Configuration(configuration)) => *configuration,
        Err(error) => {
            eprintln!("cape-host: error: {error}");
            return ExitCode::from(2);
        }
    };
    start_logging();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.map_err(|error| format!("no threads: {error}")).and_then(|runtime| {
        let served = runtime.block_on(serve(configuration));
        // What reads standard input on a thread of its own is not waited for.
        runtime.shutdown_background();
        served
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{}", json!({"ok": false, "error": {"code": "CAPE-CFG-001", "message": message}}));
            ExitCode::from(CONFIGURATION)
        }
    }
}

enum Given {
    Text(String),
    Configuration(Box<Configuration>),
}

#[derive(Default)]
struct Options {
    enclaves: Option<usize>,
    sessions: Option<SocketAddr>,
    enclave_operate: Option<SocketAddr>,
    operate: Option<SocketAddr>,
    connections: Option<usize>,
    idle_s: Option<u64>,
    guests: Option<Guests>,
    blobs: Option<PathBuf>,
    supervision: Option<PathBuf>,
    kms: Option<Address>,
}

fn read(parser: &mut lexopt::Parser) -> Result<Given, lexopt::Error> {
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Given::Text(HELP.to_owned())),
            Short('V') | Long("version") => {
                return Ok(Given::Text(format!("cape-host {}\n", env!("CARGO_PKG_VERSION"))));
            }
            Long("enclaves") => {
                options.enclaves = Some(value(parser, "enclaves", number(1..=MAX_ENCLAVES))?);
            }
            Long("sessions") => options.sessions = Some(value(parser, "sessions", socket)?),
            Long("enclave-operate") => {
                options.enclave_operate = Some(value(parser, "enclave-operate", socket)?);
            }
            Long("operate") => options.operate = Some(value(parser, "operate", socket)?),
            Long("connections") => {
                options.connections = Some(value(parser, "connections", number(1..=1_000_000))?);
            }
            Long("idle-s") => options.idle_s = Some(value(parser, "idle-s", number(1..=604_800))?),
            Long("guests") => options.guests = Some(value(parser, "guests", guests)?),
            Long("blobs") => options.blobs = Some(parser.value()?.into()),
            Long("supervision") => options.supervision = Some(parser.value()?.into()),
            Long("kms") => options.kms = Some(value(parser, "kms", endpoint)?),
            _ => return Err(argument.unexpected()),
        }
    }
    let guests = match options.guests {
        None => None,
        Some(guests) => Some((
            guests,
            Services {
                blobs: Address::Unix(given(options.blobs, "blobs")?),
                kms: options.kms,
                supervision: given(options.supervision, "supervision")?,
            },
        )),
    };
    Ok(Given::Configuration(Box::new(Configuration {
        enclaves: given(options.enclaves, "enclaves")?,
        sessions: given(options.sessions, "sessions")?,
        enclave_operate: given(options.enclave_operate, "enclave-operate")?,
        operate: given(options.operate, "operate")?,
        guests,
        connections: options.connections.unwrap_or(4096),
        idle: Duration::from_secs(options.idle_s.unwrap_or(7200)),
    })))
}

fn given<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("--{name} is missing"))
}

/// An option's value; an error says of which option.
fn value<T>(
    parser: &mut lexopt::Parser,
    option: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, lexopt::Error> {
    let text = parser.value()?.string()?;
    read(&text).map_err(|error| format!("--{option}: {error}").into())
}

fn number<N: FromStr + PartialOrd + Display>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String> {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("{text} is not one of {} to {}", range.start(), range.end()))
    }
}

fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text} is not ADDRESS:PORT"))
}

fn endpoint(text: &str) -> Result<Address, String> {
    format!("tcp:{text}").parse().map_err(|_: NoAddress| format!("{text} is not HOST:PORT"))
}

fn guests(text: &str) -> Result<Guests, String> {
    match text.split_once(':') {
        Some(("vsock", cid)) => match cid.parse() {
            // 0 to 2 are the hypervisor's, the loopback's and the host's; 3 is the parent's.
            Ok(first_cid) if first_cid > 3 => Ok(Guests::Vsock { first_cid }),
            _ => Err(format!("{cid} is not the CID of an enclave, which is above 3")),
        },
        Some(("folder", folder)) if !folder.is_empty() => Ok(Guests::Folder(folder.into())),
        _ => Err("neither vsock:CID nor folder:DIR".to_owned()),
    }
}

/// Lines of JSON on standard error.
fn start_logging() {
    tracing_subscriber::fmt()
        .json()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .log_internal_errors(false)
        .init();
}
