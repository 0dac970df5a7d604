use std::io;

use tokio::net::{TcpListener, UnixListener};
use tokio_vsock::{VsockAddr, VsockListener};

use super::{Address, Stream};

/// Where connections come in.
pub(crate) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
    Vsock(VsockListener),
}

impl Listening {
    /// Listens on an address.
    pub(crate) async fn on(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Address::Unix(path) => UnixListener::bind(path).map(Self::Unix),
            Address::Vsock { cid, port } => VsockListener::bind(VsockAddr::new(*cid, *port)).map(Self::Vsock),
        }
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Small frames are whole messages that somebody waits for.
                let _ = stream.set_nodelay(true);
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
            Self::Vsock(listener) => listener.accept().await.map(|(stream, _)| Stream::Vsock(stream)),
        }
    }

    /// The port that was taken; a Unix socket has none.
    pub(crate) fn port(&self) -> Option<u32> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port().into()),
            Self::Unix(_) => None,
            Self::Vsock(listener) => listener.local_addr().ok().map(|address| address.port()),
        }
    }
}
