use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_vsock::{VsockAddr, VsockStream};

use super::Address;

/// Bytes of one write to vsock: kernels of 2025 corrupt larger ones on Nitro.
pub(crate) const MAX_VSOCK_WRITE: usize = 32_000;

/// A connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Vsock(VsockStream),
}

impl Stream {
    /// Connects to an address, in the time that the kernel allows for it.
    pub(crate) async fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => TcpStream::connect(address).await.map(Self::Tcp),
            Address::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
            Address::Vsock { cid, port } => {
                VsockStream::connect(VsockAddr::new(*cid, *port)).await.map(Self::Vsock)
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
            Self::Vsock(stream) => stream.as_fd(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Vsock(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Vsock(stream) => {
                let bytes = bytes.get(..MAX_VSOCK_WRITE).unwrap_or(bytes);
                Pin::new(stream).poll_write(context, bytes)
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            stream @ Self::Vsock(_) => {
                let first = slices.iter().find(|slice| !slice.is_empty());
                Pin::new(stream).poll_write(context, first.map_or(&[], |slice| slice))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        !matches!(self, Self::Vsock(_))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
            Self::Vsock(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Vsock(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::os::fd::OwnedFd;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What is written here as to vsock is read there. The machines that tests run on have no vsock to
    /// themselves; the calls are those of any stream socket.
    fn as_vsock() -> (Stream, UnixStream) {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        (Stream::Vsock(OwnedFd::from(ours).into()), UnixStream::from_std(theirs).unwrap())
    }

    #[tokio::test]
    async fn no_write_to_vsock_is_larger_than_what_its_kernels_keep_whole() {
        let (mut stream, _other) = as_vsock();
        let large = vec![7; 100_000];
        assert_eq!(stream.write(&large).await.unwrap(), 32_000);
        assert_eq!(stream.write(&large[..31_999]).await.unwrap(), 31_999);
        let slices = [IoSlice::new(&[]), IoSlice::new(&large), IoSlice::new(&large)];
        assert_eq!(stream.write_vectored(&slices).await.unwrap(), 32_000);
        assert_eq!(stream.write_vectored(&[]).await.unwrap(), 0);
        assert!(!stream.is_write_vectored());
    }

    #[tokio::test]
    async fn all_of_what_is_written_to_vsock_arrives() {
        let (mut stream, mut other) = as_vsock();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
        let expected = sent.clone();
        let writer = tokio::spawn(async move {
            stream.write_all(&sent).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        other.read_to_end(&mut received).await.unwrap();
        writer.await.unwrap();
        assert!(received == expected);
    }

    #[tokio::test]
    async fn a_host_that_is_not_there_is_an_error() {
        let address = Address::Vsock { cid: 3, port: 1 };
        assert!(Stream::connect(&address).await.is_err());
        assert!(Stream::connect(&Address::Unix("/no/such/socket".into())).await.is_err());
    }
}
