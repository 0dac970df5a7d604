//! The connection to whoever supervises the enclave on its host: what the runtime is told once, and in the
//! place of the standard streams that a process has.

use std::io::{self, BufRead, stdin};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use cape_core::encoding::hex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use serde::{Deserialize, Deserializer, de};
use vsock::{VsockAddr, VsockStream};
use zeroize::Zeroizing;

use super::failed;
use crate::error::StartError;
use crate::secret_json::defect;
use crate::settings::TighterLimits;
use crate::vault::kms::Access;

const PORT: u32 = 7011;

/// Bytes of the host's first line, its line feed among them.
const MAX_LINE: usize = 64 * 1024;

/// How long the host may take for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the host may take to close its side when the enclave ends.
const FAREWELL: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// What errors call its first line.
const INSTRUCTIONS: &str = "the host's instructions";

/// The version of what the host says.
const VERSION: u32 = 1;

/// The connection.
pub(super) struct Supervision(VsockStream);

/// What the host says in its first line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    v: u32,
    vault: Option<VaultToOpen>,
    create_vault: Option<VaultToCreate>,
    #[serde(default)]
    limits: TighterLimits,
}

/// What the enclave is to do.
pub(super) struct Instructions {
    pub(super) task: Task,
    pub(super) limits: TighterLimits,
}

pub(super) enum Task {
    /// To serve functions, with this vault.
    Serve(VaultToOpen),
    /// To make a vault, and end.
    CreateVault(VaultToCreate),
}

/// Which vault it has to be, and how KMS is asked for its secret if KMS wrapped it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VaultToOpen {
    #[serde(deserialize_with = "vault_id")]
    pub(super) id: [u8; 32],
    pub(super) kms: Option<Access>,
}

/// How KMS is asked for a new secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VaultToCreate {
    pub(super) kms: Access,
}

impl Supervision {
    /// Connects to the host, and puts the connection in the place of the standard streams.
    pub(super) fn begin(host: u32) -> Result<Self, StartError> {
        let begun = VsockStream::connect(&VsockAddr::new(host, PORT)).and_then(|stream| {
            dup2_stdin(&stream)?;
            dup2_stdout(&stream)?;
            dup2_stderr(&stream)?;
            Ok(Self(stream))
        });
        begun.map_err(failed(&format!("no supervision on port {PORT} of vsock")))
    }

    /// What the host says first. What it says later is for whoever reads standard input next.
    pub(super) fn instructions(&self) -> Result<Instructions, StartError> {
        let deadline = Instant::now() + PATIENCE;
        let line = read_line(stdin().lock(), || match deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => self.0.set_read_timeout(Some(left)),
            _ => Err(io::ErrorKind::TimedOut.into()),
        });
        let line = line.map_err(|error| failed(INSTRUCTIONS)(reason(&error)))?;
        self.0.set_read_timeout(None).map_err(failed(INSTRUCTIONS))?;
        Instructions::parse(&line)
    }
}

/// Says that there is no more to come, and lets the host read what it has not yet: the machine's end would
/// take that along.
impl Drop for Supervision {
    fn drop(&mut self) {
        if self.0.shutdown(Shutdown::Write).is_ok() {
            closes_within(FAREWELL, &self.0);
        }
    }
}

impl Instructions {
    fn parse(line: &[u8]) -> Result<Self, StartError> {
        let refused = |reason: String| failed(INSTRUCTIONS)(reason);
        let line: Line = serde_json::from_slice(line).map_err(|error| refused(defect(&error)))?;
        if line.v != VERSION {
            let reason = format!("they are of version {}, this runtime reads version {VERSION}", line.v);
            return Err(refused(reason));
        }
        let task = match (line.vault, line.create_vault) {
            (Some(vault), None) => Task::Serve(vault),
            (None, Some(vault)) => Task::CreateVault(vault),
            _ => return Err(refused("they have to have one of vault and create_vault".to_owned())),
        };
        Ok(Self { task, limits: line.limits })
    }
}

/// A line that may hold secrets. `before_reading` limits the time of each piece of it.
fn read_line(
    mut input: impl BufRead,
    mut before_reading: impl FnMut() -> io::Result<()>,
) -> io::Result<Zeroizing<Vec<u8>>> {
    // It does not grow, so that nothing of it is left where it was.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE));
    loop {
        before_reading()?;
        let piece = match input.fill_buf() {
            Ok([]) => return Err(io::Error::other("they end before their line does")),
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = piece.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.len() + piece.len() > MAX_LINE {
            return Err(io::Error::other(format!("more than {MAX_LINE} bytes in a line")));
        }
        line.extend_from_slice(piece);
        let (length, is_last) = (piece.len(), piece.ends_with(b"\n"));
        input.consume(length);
        if is_last {
            return Ok(line);
        }
    }
}

/// Why there is no line: the system has other words for one that is late.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("they did not come within {} s", PATIENCE.as_secs())
        }
        _ => error.to_string(),
    }
}

/// Waits until the host has closed its side too; whether it has in this time.
fn closes_within(time: Timespec, stream: impl AsFd) -> bool {
    // Nothing is asked for but what is always told: that both sides have ended, or that it failed.
    let mut streams = [PollFd::new(&stream, PollFlags::empty())];
    poll(&mut streams, Some(&time)).is_ok_and(|ended| ended > 0)
}

fn vault_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode_array(&text).ok_or_else(|| de::Error::custom("vault.id is not 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use serde_json::Value;

    use crate::vault::kms::said;

    const KMS: &str = r#"{"region": "eu-central-1", "endpoint": "kms.eu-central-1.amazonaws.com",
        "key_id": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "credentials": {"access_key_id": "ASIA", "secret_access_key": "secret"}}"#;

    fn line(id: &str, more: &str) -> String {
        format!("{{\"v\": 1, \"vault\": {{\"id\": \"{id}\"}}{more}}}\n")
    }

    fn parse(line: &str) -> Result<Instructions, String> {
        Instructions::parse(line.as_bytes()).map_err(|error| error.to_string())
    }

    /// A line of the agent, and what it says to the enclave.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Vector {
        about: String,
        /// None where one is to be made.
        vault: Option<String>,
        kms: Value,
        limits: TighterLimits,
        line: String,
    }

    /// The agent's tests have it write the same lines.
    #[test]
    fn lines_of_the_agent_are_understood() {
        let vectors = include_str!("../../../tests/vectors/supervision.json");
        let vectors: Vec<Vector> = serde_json::from_str(vectors).unwrap();
        assert!(!vectors.is_empty());
        for Vector { about, vault, kms, limits, line } in vectors {
            let instructions = parse(&line).unwrap_or_else(|error| panic!("{about}: {error}"));
            let (id, access) = match &instructions.task {
                Task::Serve(vault) => (Some(hex::encode(&vault.id)), vault.kms.as_ref()),
                Task::CreateVault(vault) => (None, Some(&vault.kms)),
            };
            assert_eq!((id, access.map_or(Value::Null, said)), (vault, kms), "{about}");
            assert_eq!(instructions.limits, limits, "{about}");
        }
    }

    #[test]
    fn the_host_names_the_vault_and_may_tighten_limits() {
        let id = "07".repeat(32);
        let instructions = parse(&line(&id, "")).unwrap();
        let Task::Serve(vault) = instructions.task else { panic!("it is to serve") };
        assert_eq!((vault.id, vault.kms.is_none()), ([7; 32], true));
        assert_eq!(instructions.limits, TighterLimits::default());
        let instructions = parse(&line(&id, ", \"limits\": {\"workers\": 2}")).unwrap();
        assert_ne!(instructions.limits, TighterLimits::default());
    }

    #[test]
    fn kms_may_keep_the_vault_or_be_asked_for_a_new_one() {
        let id = "07".repeat(32);
        let kms = KMS.replace("}}", "}, \"wrapped\": \"c2VjcmV0\"}");
        let open = line(&id, "").replace("\"}}", &format!("\", \"kms\": {kms}}}}}"));
        assert!(
            matches!(parse(&open).unwrap().task, Task::Serve(VaultToOpen { kms: Some(_), .. })),
            "{open}"
        );
        let create = format!("{{\"v\": 1, \"create_vault\": {{\"kms\": {KMS}}}}}\n");
        assert!(matches!(parse(&create).unwrap().task, Task::CreateVault(_)));
        for both in [
            create.replace("\"v\": 1", &format!("\"v\": 1, \"vault\": {{\"id\": \"{id}\"}}")),
            "{\"v\": 1}\n".to_owned(),
        ] {
            let reason = "the host's instructions: they have to have one of vault and create_vault";
            assert_eq!(parse(&both).err().as_deref(), Some(reason));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let id = "07".repeat(32);
        let other_version = line(&id, "").replace("\"v\": 1", "\"v\": 2");
        let reason = "the host's instructions: they are of version 2, this runtime reads version 1";
        assert_eq!(parse(&other_version).err().as_deref(), Some(reason));
        for refused in [
            line("short", ""),
            line(&"0G".repeat(32), ""),
            line(&id, ", \"mode\": \"development\""),
            line(&id, ", \"limits\": {\"worker\": 2}"),
            line(&id, "").replace("\"v\": 1, ", ""),
            line(&id, "").replace("\"}}", "\", \"kms\": {}}}"),
            "{\"v\": 1, \"create_vault\": {}}\n".to_owned(),
            "\n".to_owned(),
            "[1]\n".to_owned(),
            // Twice the same, and twice the whole.
            line(&id, ", \"v\": 1"),
            line(&id, "").trim_end().repeat(2),
            // NUL, where white space may be, and in a text.
            format!("\0{}", line(&id, "")),
            line(&id, "").replace('\n', "\0\n"),
            line(&id.replacen('0', "\0", 1), ""),
            // Deep, far beyond what a stack has room for.
            "[".repeat(60_000),
            line(&id, &format!(", \"limits\": {{\"workers\": {}}}", "[".repeat(60_000))),
            "{\"v\":".repeat(10_000),
            // Numbers that are none here.
            line(&id, "").replace("\"v\": 1", "\"v\": 1.0"),
            line(&id, "").replace("\"v\": 1", "\"v\": 4294967297"),
            line(&id, ", \"limits\": {\"workers\": -1}"),
            line(&id, ", \"limits\": {\"workers\": 18446744073709551616}"),
            line(&id, ", \"limits\": {\"workers\": 1e999}"),
        ] {
            let error = parse(&refused).err().unwrap_or_else(|| panic!("{refused:?} is taken"));
            assert!(error.starts_with("the host's instructions: ") && error.len() < 200, "{error}");
        }
    }

    /// An error goes into the log of the host.
    #[test]
    fn an_error_shows_nothing_of_what_the_host_said() {
        let (long, id) = ("s3cret".repeat(9000), "07".repeat(32));
        for refused in [
            format!("{{\"v\": \"{long}\"}}\n"),
            format!("{{\"v\": 1, \"{long}\": 1}}\n"),
            format!("{{\"v\": 1, \"create_vault\": {{\"kms\": \"{long}\"}}}}\n"),
            line(&id, &format!(", \"limits\": {{\"{long}\": 2}}")),
            line(&long, ""),
        ] {
            let error = parse(&refused).err().unwrap();
            assert!(!error.contains("s3cret") && error.len() < 200, "{} bytes", error.len());
            assert!(error.contains(" column "), "{error}");
        }
        let error = parse("{\"v\": 1, \"vault\": {}}\n").err().unwrap();
        assert!(error.contains("missing field `id`"), "{error}");
    }

    #[test]
    fn a_line_that_is_cut_short_is_refused_wherever_that_is() {
        let whole = line(&"07".repeat(32), ", \"limits\": {\"workers\": 2}");
        for end in 0..whole.trim_end().len() {
            assert!(parse(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_line_that_does_not_come_is_late() {
        let (input, mut host) = UnixStream::pair().unwrap();
        input.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        host.write_all(b"{\"v\": ").unwrap();
        let slow = read_line(io::BufReader::new(&input), || Ok(())).unwrap_err();
        let over = read_line(&b"{}\n"[..], || Err(io::ErrorKind::TimedOut.into())).unwrap_err();
        for error in [slow, over] {
            assert_eq!(reason(&error), "they did not come within 30 s");
        }
        let cut = read_line(&b"{}"[..], || Ok(())).unwrap_err();
        assert_eq!(reason(&cut), "they end before their line does");
    }

    #[test]
    fn one_line_is_read_and_no_more() {
        let mut input = &b"{}\n{\"stop\": true}\n"[..];
        assert_eq!(*read_line(&mut input, || Ok(())).unwrap(), b"{}\n");
        assert_eq!(input, b"{\"stop\": true}\n");
        for (input, reason) in
            [(&b"{}"[..], "they end before their line does"), (b"", "they end before their line does")]
        {
            assert_eq!(read_line(input, || Ok(())).unwrap_err().to_string(), reason);
        }
        let longest = [vec![b' '; MAX_LINE - 1], vec![b'\n']].concat();
        assert_eq!(read_line(&longest[..], || Ok(())).unwrap().len(), longest.len());
        let endless = vec![b' '; 10 * MAX_LINE];
        assert_eq!(
            read_line(&endless[..], || Ok(())).unwrap_err().to_string(),
            "more than 65536 bytes in a line"
        );
    }

    #[test]
    fn time_is_limited_for_the_line_and_not_for_each_piece_of_it() {
        let mut pieces = 0;
        let slow = io::BufReader::with_capacity(1, &b"{\"v\": 1}\n"[..]);
        let read = read_line(slow, || {
            pieces += 1;
            if pieces < 5 { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
        });
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn the_end_waits_for_the_host_and_not_for_ever() {
        let (ours, mut host) = UnixStream::pair().unwrap();
        ours.shutdown(Shutdown::Write).unwrap();
        host.write_all(b"what nobody reads any more").unwrap();
        assert!(!closes_within(Timespec { tv_sec: 0, tv_nsec: 1_000_000 }, &ours));
        let closing = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(host);
        });
        assert!(closes_within(Timespec { tv_sec: 60, tv_nsec: 0 }, &ours));
        closing.join().unwrap();
    }
}
