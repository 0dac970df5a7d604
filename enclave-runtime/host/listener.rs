use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket as RawSocket, Type};
use tokio::io::Interest;
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::socket::Socket;

/// VMADDR_CID_ANY (vsock(7)).
const ANY_CID: u32 = u32::MAX;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// How long to wait when the process can have no more descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Where connections come in.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
    /// A listening socket, whatever the type says: it is asked for its readiness only.
    Vsock(UnixStream),
}

impl Listener {
    /// Listens on TCP; port 0 is any that is free.
    pub(crate) async fn tcp(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self::Tcp)
    }

    /// Listens on a Unix socket, in the place of one of a process that was killed.
    pub(crate) fn unix(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => UnixListener::bind(path).map(Self::Unix),
        }
    }

    /// Listens on a port of vsock, for every virtual machine.
    pub(crate) fn vsock(port: u32) -> io::Result<Self> {
        let socket = RawSocket::new(Domain::VSOCK, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::vsock(ANY_CID, port))?;
        socket.listen(BACKLOG)?;
        let socket = StdUnixStream::from(OwnedFd::from(socket));
        UnixStream::from_std(socket).map(Self::Vsock)
    }

    /// The port of TCP.
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or(0, |address| address.port()),
            Self::Unix(_) | Self::Vsock(_) => 0,
        }
    }

    /// The next connection, and the CID of whose it is, if it is a virtual machine's.
    pub(crate) async fn accept(&self) -> (Socket, Option<u32>) {
        loop {
            match self.try_accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn try_accept(&self) -> io::Result<(Socket, Option<u32>)> {
        match self {
            Self::Tcp(listener) => Ok((listener.accept().await?.0.try_into()?, None)),
            Self::Unix(listener) => Ok((listener.accept().await?.0.into(), None)),
            Self::Vsock(listener) => {
                let (socket, peer) =
                    listener.async_io(Interest::READABLE, || SockRef::from(listener).accept()).await?;
                let cid = peer.as_vsock_address().map(|(cid, _)| cid);
                Ok((Socket::from_descriptor(socket.into())?, cid))
            }
        }
    }
}
