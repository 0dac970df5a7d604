//! The sign of life that a host waits for when it starts an enclave, and the way to that host.

use std::io::{self, Read, Write};
use std::time::Duration;

use tokio_vsock::VMADDR_CID_HOST;
use vsock::{VsockAddr, VsockStream};

use crate::error::StartError;

/// The context ids under which there may be a host: on Nitro the parent instance, elsewhere the machine
/// that this one runs on.
const HOSTS: [u32; 2] = [3, VMADDR_CID_HOST];

const PORT: u32 = 9000;

/// The byte that is sent, and comes back.
const BEAT: u8 = 0xb7;

/// How long the host may take to send it back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives the sign of life; returns the context id of the host that answered.
pub(super) fn beat() -> Result<u32, StartError> {
    let mut reasons = Vec::new();
    for host in HOSTS {
        match beat_at(host) {
            Ok(()) => return Ok(host),
            Err(error) => reasons.push(format!("context id {host}: {error}")),
        }
    }
    Err(StartError::new(format!("no host answers on port {PORT} of vsock: {}", reasons.join("; "))))
}

fn beat_at(host: u32) -> io::Result<()> {
    let stream = VsockStream::connect(&VsockAddr::new(host, PORT))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    exchange(stream)
}

fn exchange(mut stream: impl Read + Write) -> io::Result<()> {
    stream.write_all(&[BEAT])?;
    let mut answer = [0];
    stream.read_exact(&mut answer).map_err(or_late)?;
    match answer {
        [BEAT] => Ok(()),
        [other] => Err(io::Error::other(format!("it answered {other:#04x}, not {BEAT:#04x}"))),
    }
}

/// The error; the system has other words for an answer that is late.
fn or_late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            io::Error::other(format!("it did not answer within {} s", PATIENCE.as_secs()))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    /// What comes of it where the host answers this, and what it was sent.
    fn answered(answer: &[u8]) -> (Result<(), String>, Vec<u8>) {
        let (ours, mut host) = UnixStream::pair().unwrap();
        host.write_all(answer).unwrap();
        host.shutdown(std::net::Shutdown::Write).unwrap();
        let exchanged = exchange(ours).map_err(|error| error.to_string());
        let mut sent = Vec::new();
        host.read_to_end(&mut sent).unwrap();
        (exchanged, sent)
    }

    #[test]
    fn the_byte_is_sent_and_has_to_come_back() {
        assert_eq!(answered(b"\xb7"), (Ok(()), vec![0xb7]));
        assert_eq!(answered(b"\xb8").0, Err("it answered 0xb8, not 0xb7".to_owned()));
        assert!(answered(b"").0.is_err());
    }

    #[test]
    fn a_host_that_is_late_is_told_so() {
        let (ours, _host) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!(exchange(ours).unwrap_err().to_string(), "it did not answer within 10 s");
    }

    /// Nobody listens for it on the machines that tests run on.
    #[test]
    fn every_way_to_a_host_that_failed_is_told() {
        let error = beat().unwrap_err().to_string();
        assert!(error.contains("context id 3: ") && error.contains("; context id 2: "), "{error}");
    }
}
