use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::metrics::Traffic;
use crate::net::Stream;

/// Bytes that are dropped at a time.
const DROPPED: usize = 4096;

/// A connection that is shut down by waiting for the other side's end too; what it still sends is
/// dropped. A socket that is closed over unread bytes is reset, and a reset overtakes the answer: a
/// client that sends too much would never read that it did. Its user limits the wait.
pub(crate) struct Lingering {
    stream: Stream,
    traffic: Traffic,
    /// Whether our own direction has ended.
    ended: bool,
    /// Bytes that may still be read, where that is limited.
    room: Option<usize>,
}

impl Lingering {
    pub(crate) fn new(stream: Stream, traffic: Traffic) -> Self {
        Self { stream, traffic, ended: false, room: None }
    }

    /// Lets so many bytes be read from here on; what asks for more gets an error,
    /// [`io::ErrorKind::QuotaExceeded`]. `None` is no limit.
    pub(crate) fn limit(&mut self, bytes: Option<usize>) {
        self.room = bytes;
    }

    /// Sends an answer that fits into the empty buffer of a new connection, drops what has come, and
    /// closes without waiting for the other side.
    pub(crate) fn close_with(self, answer: &[u8]) -> io::Result<()> {
        // Tokio does not know yet whether a new connection can be written to.
        self.traffic.sent(rustix::io::write(&self.stream, answer)?);
        shutdown(&self.stream, Shutdown::Write)?;
        let mut dropped = [0; DROPPED];
        let dropped = rustix::io::read(&self.stream, &mut dropped)?;
        self.traffic.received(dropped);
        Ok(())
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.room == Some(0) {
            return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let received = buffer.filled().len() - before;
        self.traffic.received(received);
        self.room = self.room.map(|room| room.saturating_sub(received));
        read
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.traffic.sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        self.traffic.sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ended {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.ended = true;
        }
        loop {
            let mut dropped = [0; DROPPED];
            let mut buffer = ReadBuf::new(&mut dropped);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
