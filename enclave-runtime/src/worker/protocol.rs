//! The pipe between the runtime and a worker: a pair of Unix stream sockets that carries frames.
//!
//! ```text
//! length u32, big-endian | kind u8 | payload, `length` bytes
//! ```
//!
//! A payload is bytes or [fields](super::fields).
//!
//! | kind | from | payload |
//! |---|---|---|
//! | 1 LOAD | runtime | fields: bytes of memory or nothing, folder, handler (`module:function`), `forks`, `forks alone` or nothing, then name and value of each variable |
//! | 2 COMPILE | runtime | fields: bytes of memory or nothing, folder, bytes to stop at, names of folders that are left out; instead of LOAD |
//! | 3 CALL | runtime | fields: function id, checksum, caller's account or nothing, deadline in seconds since 1970, which log is wanted |
//! | 4 INPUT | runtime | bytes: all of them, directly after CALL; of a stream the next, at most 256 KiB and at least one |
//! | 5 INPUT_END | runtime | empty; ends the input of a call whose handler takes a stream, also after the call's end |
//! | 6 COMPILE_IMPORTED | runtime | empty; compiles what was imported before READY, instead of LOAD; COMPILE may follow |
//! | 16 JAIL | worker | fields: for each layer its name and why it is missing, or nothing when it is on |
//! | 17 READY | worker | fields: Python's version, `3.11` |
//! | 18 DONE | worker | LOAD, COMPILE or COMPILE_IMPORTED succeeded; `stream` when the handler takes a stream, else empty |
//! | 19 OUTPUT | worker | bytes of the output, at most 256 KiB and at least one |
//! | 20 RESULT | worker | the output's last bytes, at most 64 KiB; ends the call |
//! | 21 RAISED | worker | fields: type, message, traceback; ends LOAD or the call |
//! | 22 OUT_OF_MEMORY | worker | empty; ends LOAD or the call |
//! | 23 NOT_STARTED | worker | fields: why the process did not become Python |
//! | 24 LOG | worker | what the function printed during a call whose caller wants that, at most 64 KiB and at least one byte |
//!
//! The log that CALL asks for is none (an empty field), `own`, or `shared`: in a process that has had
//! other callers.
//!
//! JAIL comes from the worker's Rust half, before Python runs, then READY; both before anything was
//! asked. From LOAD on the other end is the function's: whatever arrives is a claim of the
//! function about its own call, bounded in length, and nothing else.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream as StdUnixStream;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Bytes of a payload that a worker may send.
const MAX_RECEIVED: usize = 256 * 1024;

/// Bytes of frames that are copied to be sent in one write.
const COALESCED: usize = 64 * 1024;

const HEADER: usize = 5;

/// What a frame is; the numbers are those of the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Load = 1,
    Compile = 2,
    Call = 3,
    Input = 4,
    InputEnd = 5,
    CompileImported = 6,
    Jail = 16,
    Ready = 17,
    Done = 18,
    Output = 19,
    Result = 20,
    Raised = 21,
    OutOfMemory = 22,
    NotStarted = 23,
    Log = 24,
}

impl Kind {
    /// The kinds that a worker sends.
    fn of_worker(number: u8) -> Option<Self> {
        [
            Self::Jail,
            Self::Ready,
            Self::Done,
            Self::Output,
            Self::Result,
            Self::Raised,
            Self::OutOfMemory,
            Self::NotStarted,
            Self::Log,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == number)
    }

    /// Bytes that a payload has at least: frames of nothing would cost their sender next to nothing,
    /// and the runtime its time.
    fn least(self) -> usize {
        usize::from(matches!(self, Self::Output | Self::Log))
    }
}

/// A frame from a worker.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) payload: Vec<u8>,
}

/// The runtime's end, whose two directions are of use at the same time.
pub(crate) struct Pipe {
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
}

/// Sends frames to a worker.
pub(super) struct Sender(OwnedWriteHalf);

/// Receives frames of a worker.
pub(super) struct Receiver(BufReader<OwnedReadHalf>);

impl Pipe {
    /// Takes the runtime's end of a pair of sockets.
    pub(crate) fn new(stream: StdUnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (receiver, sender) = UnixStream::from_std(stream)?.into_split();
        Ok(Self { sender: Sender(sender), receiver: Receiver(BufReader::with_capacity(16 * 1024, receiver)) })
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let stream: &UnixStream = self.receiver.0.get_ref().as_ref();
        stream.as_fd()
    }
}

impl Sender {
    /// Sends one frame.
    pub(super) async fn send(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        self.send_behind(Vec::new(), kind, payload).await
    }

    /// Sends a frame behind others, which are short.
    pub(super) async fn send_behind(
        &mut self,
        mut frames: Vec<u8>,
        kind: Kind,
        payload: &[u8],
    ) -> io::Result<()> {
        frames.extend(header(kind, payload.len())?);
        if payload.len() <= COALESCED {
            frames.extend_from_slice(payload);
            return self.0.write_all(&frames).await;
        }
        self.0.write_all(&frames).await?;
        self.0.write_all(payload).await
    }
}

impl Receiver {
    /// The next frame; an error of kind `UnexpectedEof` when the worker is gone, of kind
    /// `InvalidData` when it sends what no worker sends.
    pub(crate) async fn receive(&mut self) -> io::Result<Frame> {
        let mut header = [0; HEADER];
        self.0.read_exact(&mut header).await?;
        let [a, b, c, d, kind] = header;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let kind = Kind::of_worker(kind).filter(|kind| length <= MAX_RECEIVED && length >= kind.least());
        let kind = kind.ok_or(io::ErrorKind::InvalidData)?;
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await?;
        Ok(Frame { kind, payload })
    }
}

/// A whole frame.
pub(super) fn frame(kind: Kind, payload: &[u8]) -> io::Result<Vec<u8>> {
    Ok([&header(kind, payload.len())?, payload].concat())
}

fn header(kind: Kind, length: usize) -> io::Result<[u8; HEADER]> {
    let length = u32::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
    let [a, b, c, d] = length.to_be_bytes();
    Ok([a, b, c, d, kind as u8])
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn frames_that_no_worker_sends_are_refused() {
        for header in [
            [0, 0, 0, 0, Kind::Load as u8],
            [0, 0, 0, 0, 99],
            [0, 4, 0, 1, Kind::Output as u8],
            [0, 0, 0, 0, Kind::Output as u8],
            [0, 0, 0, 0, Kind::Log as u8],
        ] {
            let (ours, mut theirs) = StdUnixStream::pair().unwrap();
            theirs.write_all(&header).unwrap();
            let error = Pipe::new(ours).unwrap().receiver.receive().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{header:?}");
        }
    }

    #[tokio::test]
    async fn frames_arrive_as_sent() {
        let (ours, mut theirs) = StdUnixStream::pair().unwrap();
        let mut pipe = Pipe::new(ours).unwrap();
        theirs.write_all(&frame(Kind::Output, b"bytes").unwrap()).unwrap();
        drop(theirs);
        let frame = pipe.receiver.receive().await.unwrap();
        assert_eq!((frame.kind, frame.payload.as_slice()), (Kind::Output, &b"bytes"[..]));
        assert_eq!(pipe.receiver.receive().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
