use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use crate::socket::Socket;

/// Bytes of the line by which a stand-in tells that a port of its guest is connected.
const MAX_ANSWER: usize = 32;

/// Where bytes are taken: `tcp:HOST:PORT`, `unix:PATH`, `vsock:CID:PORT`, or `guest:FOLDER:PORT`, which is
/// what Unix sockets stand in for vsock with (docs/operate/hosts.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
    Vsock { cid: u32, port: u32 },
    Guest { folder: PathBuf, port: u32 },
}

/// A text that is no address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoAddress;

impl Address {
    /// Connects.
    pub(crate) async fn connect(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp { host, port } => Socket::tcp(host, *port).await,
            Self::Unix(path) => Socket::unix(path).await,
            Self::Vsock { cid, port } => Socket::vsock(*cid, *port).await,
            Self::Guest { folder, port } => {
                let socket = Socket::unix(&folder.join("guest")).await?;
                socket.write_all(format!("CONNECT {port}\n").as_bytes()).await?;
                connected(&socket).await.map(|()| socket)
            }
        }
    }
}

/// Reads the stand-in's line, and nothing of what comes behind it.
async fn connected(socket: &Socket) -> io::Result<()> {
    let mut line = Vec::new();
    while line.len() < MAX_ANSWER {
        line.push(socket.read_byte().await?.ok_or(io::ErrorKind::ConnectionRefused)?);
        if line.ends_with(b"\n") && line.starts_with(b"OK ") {
            return Ok(());
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the stand-in of vsock does not say OK"))
}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let (kind, rest) = text.split_once(':').ok_or(NoAddress)?;
        if kind == "unix" && !rest.is_empty() {
            return Ok(Self::Unix(rest.into()));
        }
        let (place, port) = rest.rsplit_once(':').filter(|(place, _)| !place.is_empty()).ok_or(NoAddress)?;
        match kind {
            "tcp" => Ok(Self::Tcp { host: place.trim_matches(['[', ']']).to_owned(), port: number(port)? }),
            "vsock" => Ok(Self::Vsock { cid: number(place)?, port: number(port)? }),
            "guest" => Ok(Self::Guest { folder: place.into(), port: number(port)? }),
            _ => Err(NoAddress),
        }
    }
}

fn number<N: FromStr>(text: &str) -> Result<N, NoAddress> {
    text.parse().map_err(|_| NoAddress)
}

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none of tcp:HOST:PORT, unix:PATH, vsock:CID:PORT, guest:FOLDER:PORT")
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    #[test]
    fn each_kind_is_read_and_nothing_else() {
        let tcp = |host: &str| Ok(Address::Tcp { host: host.into(), port: 443 });
        assert_eq!("tcp:kms.example:443".parse(), tcp("kms.example"));
        assert_eq!("tcp:[::1]:443".parse(), tcp("::1"));
        assert_eq!("unix:/run/a:b".parse(), Ok(Address::Unix("/run/a:b".into())));
        assert_eq!("vsock:16:7000".parse(), Ok(Address::Vsock { cid: 16, port: 7000 }));
        let guest = Address::Guest { folder: "/run/0".into(), port: 7000 };
        assert_eq!("guest:/run/0:7000".parse(), Ok(guest));
        for wrong in [
            "",
            "tcp",
            "tcp:",
            "tcp:443",
            "tcp::443",
            "tcp:a:65536",
            "unix:",
            "vsock:x:1",
            "vsock:1:-1",
            "udp:a:1",
        ] {
            assert_eq!(wrong.parse::<Address>(), Err(NoAddress), "{wrong}");
        }
    }

    async fn answered(answer: &'static [u8]) -> io::Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("guest")).unwrap();
        let stand_in = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 13];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(answer).await.unwrap();
            String::from_utf8(asked.to_vec()).unwrap()
        });
        let socket = Address::Guest { folder: folder.path().into(), port: 7000 }.connect().await?;
        assert_eq!(stand_in.await.unwrap(), "CONNECT 7000\n");
        let mut rest = Vec::with_capacity(16);
        socket.readable().await?;
        socket.try_read(&mut rest)?;
        Ok(String::from_utf8(rest).unwrap())
    }

    #[tokio::test]
    async fn a_stand_in_says_that_it_is_connected_and_what_follows_is_the_guests() {
        assert_eq!(answered(b"OK 7000\nbytes").await.unwrap(), "bytes");
        assert_eq!(answered(b"").await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        for wrong in [&b"NO 7000\nmore than thirty-two bytes"[..], &[b'O'; 40]] {
            assert_eq!(answered(wrong).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
