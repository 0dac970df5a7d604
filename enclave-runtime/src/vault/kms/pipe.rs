use std::io;
use std::path::PathBuf;

use tokio::net::TcpStream;

use crate::net::{Address, Stream};

/// The host's byte pipe to KMS. It carries TLS, which ends in here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pipe {
    /// A TCP address, as HOST:PORT.
    Tcp(String),
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// The host's port of vsock, in an enclave.
    Vsock {
        /// The host's context id.
        cid: u32,
        port: u32,
    },
}

impl Pipe {
    /// Reads HOST:PORT, or the path of a socket, which has a slash in it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.contains('/') {
            return Some(Self::Unix(text.into()));
        }
        let (host, port) = text.rsplit_once(':')?;
        port.parse::<u16>().ok().filter(|_| !host.is_empty()).map(|_| Self::Tcp(text.to_owned()))
    }

    /// Begins a connection.
    pub(crate) async fn connect(&self) -> io::Result<Stream> {
        match self {
            // Its host may have a name.
            Self::Tcp(address) => TcpStream::connect(address).await.map(Stream::Tcp),
            Self::Unix(path) => Stream::connect(&Address::Unix(path.clone())).await,
            &Self::Vsock { cid, port } => Stream::connect(&Address::Vsock { cid, port }).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_sockets_are_told_apart() {
        assert_eq!(Pipe::parse("localhost:8443"), Some(Pipe::Tcp("localhost:8443".into())));
        assert_eq!(Pipe::parse("[::1]:8443"), Some(Pipe::Tcp("[::1]:8443".into())));
        assert_eq!(Pipe::parse("./kms"), Some(Pipe::Unix("./kms".into())));
        for text in ["", "kms", "localhost", ":1", "localhost:", "localhost:65536"] {
            assert_eq!(Pipe::parse(text), None, "{text}");
        }
    }
}
