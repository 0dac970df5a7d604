use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio_vsock::VMADDR_CID_ANY;

/// What begins the text form of an address of vsock.
const VSOCK: &str = "vsock:";

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// A machine and a port of vsock.
    Vsock {
        /// The machine's context id.
        cid: u32,
        port: u32,
    },
}

impl Address {
    /// What `parse_listening` takes, in words.
    pub(crate) const LISTENING: &str = "an address and a port, or vsock:PORT";

    /// An address to listen on: `HOST:PORT`, where port 0 takes any that is free, or `vsock:PORT`.
    pub(crate) fn parse_listening(text: &str) -> Option<Self> {
        match text.strip_prefix(VSOCK) {
            Some(port) => Some(Self::every_vsock(port.parse().ok().filter(|port| *port != 0)?)),
            None => text.parse().ok().map(Self::Tcp),
        }
    }

    /// A port of vsock, to listen on, whatever context id this machine has.
    pub(crate) fn every_vsock(port: u32) -> Self {
        Self::Vsock { cid: VMADDR_CID_ANY, port }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
            Self::Vsock { cid: VMADDR_CID_ANY, port } => write!(f, "{VSOCK}{port}"),
            Self::Vsock { cid, port } => write!(f, "{VSOCK}{cid}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_is_of_tcp_or_vsock() {
        for text in ["127.0.0.1:0", "[::1]:7000", "vsock:7000", "vsock:4294967295"] {
            assert_eq!(Address::parse_listening(text).unwrap().to_string(), text);
        }
        let expected = Address::Vsock { cid: VMADDR_CID_ANY, port: 7000 };
        assert_eq!(Address::parse_listening("vsock:7000"), Some(expected));
        for text in ["", "7000", "localhost:7000", "vsock:", "vsock:0", "vsock:3:7000", "vsock:-1", "/run/s"]
        {
            assert_eq!(Address::parse_listening(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_and_a_path_are_told_as_such() {
        assert_eq!(Address::Vsock { cid: 3, port: 7010 }.to_string(), "vsock:3:7010");
        assert_eq!(Address::Unix("/run/blobs".into()).to_string(), "/run/blobs");
    }
}
