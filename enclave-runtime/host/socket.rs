use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::Shutdown;
use rustix::net::sockopt::set_socket_linger;
use socket2::{Domain, SockAddr, Socket as RawSocket, Type};
use tokio::net::{TcpStream, UnixStream};

/// The most bytes of one write: the kernels of Nitro hosts and enclaves have corrupted longer ones on
/// vsock, so nothing that may end there is longer.
pub(crate) const MAX_WRITE: usize = 32_000;

/// A connected stream of bytes, whatever its kind of address.
pub(crate) struct Socket(UnixStream);

impl Socket {
    /// A connection by TCP.
    pub(crate) async fn tcp(host: &str, port: u16) -> io::Result<Self> {
        TcpStream::connect((host, port)).await?.try_into()
    }

    /// A connection by the path of a Unix socket.
    pub(crate) async fn unix(path: &Path) -> io::Result<Self> {
        UnixStream::connect(path).await.map(Self)
    }

    /// A connection to a port of a virtual machine.
    pub(crate) async fn vsock(cid: u32, port: u32) -> io::Result<Self> {
        let socket = RawSocket::new(Domain::VSOCK, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&SockAddr::vsock(cid, port)) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let connected = Self::from_descriptor(socket.into())?;
        connected.0.writable().await?;
        match connected.0.take_error()? {
            Some(error) => Err(error),
            None => Ok(connected),
        }
    }

    /// Any connected socket. What is read, written and shut down is a file descriptor, to which the
    /// kind of its address is all the same.
    pub(crate) fn from_descriptor(descriptor: OwnedFd) -> io::Result<Self> {
        let stream = StdUnixStream::from(descriptor);
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream).map(Self)
    }

    /// The same for who reads and writes it otherwise.
    pub(crate) fn into_stream(self) -> UnixStream {
        self.0
    }

    /// Waits until there is something to read, or the other side has ended.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Appends what has come, up to the buffer's capacity; `None` when nothing has, `Some(0)` at the end.
    pub(crate) fn try_read(&self, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
        would_block(self.0.try_read_buf(buffer))
    }

    /// The next byte; `None` at the end.
    pub(crate) async fn read_byte(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            self.0.readable().await?;
            match would_block(self.0.try_read(&mut byte))? {
                None => {}
                Some(0) => return Ok(None),
                Some(_) => return Ok(Some(byte[0])),
            }
        }
    }

    /// Writes at least a part of the bytes, which are at most [`MAX_WRITE`].
    pub(crate) async fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes.get(..MAX_WRITE).unwrap_or(bytes);
        loop {
            self.0.writable().await?;
            if let Some(written) = would_block(self.0.try_write(bytes))? {
                return Ok(written);
            }
        }
    }

    /// Writes all of them.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.write_some(bytes).await?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Tells the other side that nothing more comes.
    pub(crate) fn end_writing(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self.0.as_fd(), Shutdown::Write)?)
    }

    /// Closes it so that the other side sees a reset and no end.
    pub(crate) fn reset(self) {
        // Where there are no resets, it is closed all the same.
        let _ = set_socket_linger(self.0.as_fd(), Some(Duration::ZERO));
    }
}

impl TryFrom<TcpStream> for Socket {
    type Error = io::Error;

    fn try_from(stream: TcpStream) -> io::Result<Self> {
        // Small frames are whole messages that somebody waits for.
        stream.set_nodelay(true)?;
        Self::from_descriptor(stream.into_std()?.into())
    }
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self(stream)
    }
}

fn would_block(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
