use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;

/// `CONNECT `, the ten digits of the largest port, and the end of the line.
const LONGEST_LINE: usize = 19;

/// A process of the host before it has said which port of the guest it wants.
pub(super) struct Caller {
    pub(super) stream: UnixStream,
    line: Vec<u8>,
}

/// How far a caller has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// There is more to come.
    Unfinished,
    /// It wants this port.
    Port(u32),
    /// It has gone, or said something else.
    Nonsense,
}

impl Caller {
    /// A caller on a socket that does not block.
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, line: Vec::with_capacity(LONGEST_LINE) }
    }

    /// Reads on, to the end of the line and not further: what follows is for the guest.
    pub(super) fn read(&mut self) -> Wish {
        let mut byte = [0];
        while self.line.len() < LONGEST_LINE {
            match self.stream.read(&mut byte) {
                Ok(1) if byte == *b"\n" => return port(&self.line).map_or(Wish::Nonsense, Wish::Port),
                Ok(1) => self.line.extend(byte),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Wish::Unfinished,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return Wish::Nonsense,
            }
        }
        Wish::Nonsense
    }
}

fn port(line: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(line.strip_prefix(b"CONNECT ")?).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_line_may_come_in_pieces_and_what_follows_is_left() {
        let (mut client, stream) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut caller = Caller::new(stream);
        for part in ["CONN", "ECT 70", "00"] {
            client.write_all(part.as_bytes()).unwrap();
            assert_eq!(caller.read(), Wish::Unfinished);
        }
        client.write_all(b"\nhello").unwrap();
        assert_eq!(caller.read(), Wish::Port(7000));
        let mut rest = [0; 8];
        assert_eq!(caller.stream.read(&mut rest).unwrap(), 5);
        assert_eq!(&rest[..5], b"hello");
    }

    #[test]
    fn anything_else_is_nonsense() {
        let lines = ["\n", "CONNECT\n", "CONNECT \n", "connect 1\n", "CONNECT +1\n", "CONNECT 4294967296\n"];
        for line in [&lines[..], &["CONNECT 00000000001", "GET / HTTP/1.1\r\n"]].concat() {
            let (mut client, stream) = UnixStream::pair().unwrap();
            client.write_all(line.as_bytes()).unwrap();
            assert_eq!(Caller::new(stream).read(), Wish::Nonsense, "{line}");
        }
        let (client, stream) = UnixStream::pair().unwrap();
        drop(client);
        assert_eq!(Caller::new(stream).read(), Wish::Nonsense, "it has gone");
    }
}
