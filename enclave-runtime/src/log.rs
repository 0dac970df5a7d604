//! The log: lines of JSON on standard error.

use std::io::{self, Write, stderr};

use crate::net::MAX_VSOCK_WRITE;

/// Begins the log of this process.
pub(crate) fn start() {
    tracing_subscriber::fmt()
        .json()
        .with_writer(|| Bounded(stderr().lock()))
        .with_max_level(tracing::Level::INFO)
        // It would be told on standard error, with a panic when that is what failed.
        .log_internal_errors(false)
        .init();
    // A panic's own message may quote what it stumbled over; where it happened says enough.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "the runtime failed");
    }));
}

/// A standard stream, which in an enclave is a connection over vsock.
pub(crate) struct Bounded<W>(pub(crate) W);

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes.get(..MAX_VSOCK_WRITE).unwrap_or(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes each write had.
    struct Writes(Vec<usize>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_any_length_is_written_in_parts_that_vsock_keeps_whole() {
        let mut log = Bounded(Writes(Vec::new()));
        log.write_all(&[b'x'; 100]).unwrap();
        log.write_all(&vec![b'x'; 2 * MAX_VSOCK_WRITE + 1]).unwrap();
        assert_eq!(log.0.0, [100, MAX_VSOCK_WRITE, MAX_VSOCK_WRITE, 1]);
    }
}
