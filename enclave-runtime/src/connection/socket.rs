use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use cape_core::ErrorCode;
use cape_core::session::{MAX_FIRST_MESSAGE, MAX_MESSAGE};
use futures_util::{Sink, Stream};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use crate::lingering::Lingering;

/// Bytes of the buffer that is read into; grows for a larger message.
const READ_BUFFER: usize = 16 * 1024;

/// Bytes that are read before there is a session: the first message, and what comes behind it with the
/// last of it.
const FIRST_ROOM: usize = MAX_FIRST_MESSAGE + READ_BUFFER;

/// Bytes that may wait to be written before no more output is taken.
const OUTPUT_ROOM: usize = 1 << 20;

/// Bytes that may wait to be written before nothing more is read either: the answers to what is
/// read have to go somewhere.
const READ_ROOM: usize = 4 << 20;

/// Pings whose answers may wait to be written before nothing more is read. They are in a buffer of
/// the stream's own, which has no other end.
const MAX_PONGS: usize = 64;

/// How long the other side may take to answer the closing handshake.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// What the ping holds that asks whether all before it was read.
const WHETHER_READ: &[u8] = b"read?";

/// A close code (RFC 6455, section 7.4.1).
const POLICY_VIOLATION: u16 = 1008;

/// A WebSocket whose both directions are driven by one task: what is to be sent is queued, and
/// written while reading goes on, so that neither side can block the other for good.
pub(super) struct Socket {
    stream: WebSocketStream<Lingering>,
    queue: VecDeque<Message>,
    queued: usize,
    flushed: bool,
    /// Pings that came since all was written.
    pongs: usize,
}

/// What came from the other side.
pub(super) enum Received {
    /// A message.
    Message(Vec<u8>),
    /// The socket is closed, or of no use any more.
    Closed,
    /// A ping, or a pong that answers another ping than the one below.
    SignOfLife,
    /// The pong to [`Socket::ask_whether_read`]: the other side has what was sent before.
    Read,
    /// What is no part of the protocol: a text, a frame that is too large or malformed.
    Violation,
}

impl Socket {
    /// A socket after its upgrade; `read` came behind the request. It has room for a first message.
    pub(super) async fn new(mut stream: Lingering, read: Vec<u8>) -> Self {
        stream.limit(Some(FIRST_ROOM));
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let stream = WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
        Self { stream, queue: VecDeque::new(), queued: 0, flushed: true, pongs: 0 }
    }

    /// From here on messages may be as large as those of a session.
    pub(super) fn session_began(&mut self) {
        self.stream.get_mut().limit(None);
    }

    /// Queues a binary message.
    pub(super) fn send(&mut self, message: Vec<u8>) {
        self.push(Message::Binary(message.into()));
    }

    /// Queues a ping.
    pub(super) fn ping(&mut self) {
        self.push(Message::Ping(Bytes::new()));
    }

    /// Queues a ping whose answer says that what was queued before it has come.
    pub(super) fn ask_whether_read(&mut self) {
        self.push(Message::Ping(Bytes::from_static(WHETHER_READ)));
    }

    /// The next message or end, while what is queued is written.
    pub(super) async fn next(&mut self) -> Received {
        poll_fn(|context| {
            loop {
                if let Poll::Ready(Err(_)) = self.poll_write(context) {
                    return Poll::Ready(Received::Closed);
                }
                match ready!(self.poll_read(context)) {
                    Received::SignOfLife | Received::Read => {}
                    received => return Poll::Ready(received),
                }
            }
        })
        .await
    }

    /// Ends the connection: writes what is queued and a close frame without a reason, and waits for
    /// the other side to do the same, for a limited time.
    pub(super) async fn close(&mut self, code: u16) {
        let code = CloseCode::from(code);
        self.push(Message::Close(Some(CloseFrame { code, reason: Default::default() })));
        let ended = async {
            while !matches!(self.next().await, Received::Closed) {}
            self.stream.get_mut().shutdown().await
        };
        let _ = timeout(CLOSE_GRACE, ended).await;
    }

    /// Ends a connection that has no session yet: an error as a text, and code 1008.
    pub(super) async fn refuse(&mut self, class: ErrorCode, message: &str) {
        self.push(Message::Text(json!({"code": class.name(), "message": message}).to_string().into()));
        self.close(POLICY_VIOLATION).await;
    }

    fn push(&mut self, message: Message) {
        self.queued += message.len();
        self.queue.push_back(message);
    }

    /// Whether more output may be queued.
    pub(super) fn has_output_room(&self) -> bool {
        self.queued < OUTPUT_ROOM
    }

    /// Writes what is queued, as far as the other side takes it; ready when all of it is written.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.queue.is_empty() {
            ready!(self.sink().poll_ready(context)).map_err(io::Error::other)?;
            let Some(message) = self.queue.pop_front() else { break };
            self.queued -= message.len();
            self.flushed = false;
            self.sink().start_send(message).map_err(io::Error::other)?;
        }
        if !self.flushed {
            ready!(self.sink().poll_flush(context)).map_err(io::Error::other)?;
            self.flushed = true;
            self.pongs = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// What came next.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        if self.queued >= READ_ROOM || self.pongs >= MAX_PONGS {
            return Poll::Pending; // polled again once some of it is written
        }
        let received = ready!(Pin::new(&mut self.stream).poll_next(context));
        Poll::Ready(match received {
            Some(Ok(Message::Binary(bytes))) => Received::Message(bytes.into()),
            Some(Ok(Message::Pong(payload))) if payload == WHETHER_READ => Received::Read,
            Some(Ok(Message::Ping(_))) => {
                // The answer is queued inside the stream.
                self.flushed = false;
                self.pongs += 1;
                Received::SignOfLife
            }
            Some(Ok(Message::Pong(_))) => Received::SignOfLife,
            Some(Ok(Message::Text(_) | Message::Frame(_))) => Received::Violation,
            Some(Err(Error::Io(error))) if error.kind() == io::ErrorKind::QuotaExceeded => {
                Received::Violation
            }
            Some(Err(Error::Capacity(_) | Error::Protocol(_) | Error::Utf8(_))) => Received::Violation,
            Some(Ok(Message::Close(_)) | Err(_)) | None => Received::Closed,
        })
    }

    fn sink(&mut self) -> Pin<&mut (impl Sink<Message, Error = Error> + use<>)> {
        Pin::new(&mut self.stream)
    }
}
