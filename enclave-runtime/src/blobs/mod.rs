//! The host's blob service: HTTP/1.1 over a stream (`docs/spec/blobs.md`).
//!
//! The host is not trusted: what comes is bounded in size and time, and judged by whoever opens it.

mod download;
mod upload;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;

use crate::net::{Address, Stream};
use crate::tasks::OnDrop;
pub(crate) use download::Download;
pub(crate) use upload::Upload;
use upload::UploadBody;

/// How long the host may take to accept a connection, to answer, or to send or take the next bytes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The service.
pub(crate) struct Blobs {
    address: Address,
}

/// Why a blob was not read or written.
#[derive(Debug)]
pub(crate) enum BlobError {
    /// The host was not reached, answered with something else, or broke off.
    Failed(String),
    /// The host ended the connection before it answered.
    NoAnswer,
    /// The host answered with an error.
    Status(StatusCode),
    /// It took too long.
    TimedOut,
    /// The blob is larger than it can be.
    TooLarge {
        /// Bytes.
        limit: u64,
    },
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => write!(f, "the host's store failed: {reason}"),
            Self::NoAnswer => f.write_str("the host's store does not answer"),
            Self::Status(status) => write!(f, "the host's store answered with {status}"),
            Self::TimedOut => f.write_str("the host's store does not go on, or is too slow"),
            Self::TooLarge { limit } => write!(f, "the host's store sent more than {limit} bytes"),
        }
    }
}

impl From<hyper::Error> for BlobError {
    fn from(error: hyper::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Blobs {
    /// The service at this address.
    pub(crate) fn new(address: Address) -> Self {
        Self { address }
    }

    /// Whether the service answers, asked for a blob that nobody makes: no kind has the number 0.
    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        self.get("00", 0).await.map(drop)
    }

    /// Begins to read a blob of at most `limit` bytes; `None` when there is none of that name.
    pub(crate) async fn get(&self, name: &str, limit: u64) -> Result<Option<Download>, BlobError> {
        let answer = self.send(Method::GET, name, Empty::<Bytes>::new());
        let (response, connection) = in_time(answer).await??;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(BlobError::Status(status)),
        }
        if response.body().size_hint().lower() > limit {
            return Err(BlobError::TooLarge { limit });
        }
        Ok(Some(Download::new(response.into_body(), limit, connection)))
    }

    /// Begins to write a blob of exactly `size` bytes. Nothing is written before its last byte.
    pub(crate) fn put(self: &Arc<Self>, name: &str, size: u64) -> Upload {
        let (parts, body) = UploadBody::of(size);
        let (blobs, name) = (Arc::clone(self), name.to_owned());
        let answer = tokio::spawn(async move {
            let (response, _connection) = blobs.send(Method::PUT, &name, body).await?;
            match response.status() {
                StatusCode::NO_CONTENT => Ok(()),
                status => Err(BlobError::Status(status)),
            }
        });
        Upload::new(parts, OnDrop(answer))
    }

    /// Sends a request on a connection of its own, which ends with what is returned.
    async fn send<B>(
        &self,
        method: Method,
        name: &str,
        body: B,
    ) -> Result<(Response<Incoming>, OnDrop<()>), BlobError>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let failed = |error: &dyn fmt::Display| BlobError::Failed(error.to_string());
        let stream = Stream::connect(&self.address).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = OnDrop(tokio::spawn(async move {
            // Whoever waits for the answer learns of its failure there.
            let _ = connection.await;
        }));
        let request = Request::builder()
            .method(method)
            .uri(format!("/blobs/{name}"))
            .header(header::HOST, "localhost")
            .body(body)
            .map_err(|error| failed(&error))?;
        let response = sender.send_request(request).await.map_err(|error| {
            // How a connection ends is told in the library's words, which are not an operator's.
            if error.is_parse() || error.is_user() { error.into() } else { BlobError::NoAnswer }
        })?;
        Ok((response, connection))
    }
}

async fn in_time<T>(future: impl Future<Output = T>) -> Result<T, BlobError> {
    tokio::time::timeout(TIMEOUT, future).await.map_err(|_| BlobError::TimedOut)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;
    use tokio::task::JoinHandle;

    use super::*;

    /// A host that answers its first connection with `answer` and returns what it was sent.
    pub(super) fn host(answer: &'static [u8]) -> (tempfile::TempDir, Arc<Blobs>, JoinHandle<Vec<u8>>) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let received = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(answer).await.unwrap();
            if answer.ends_with(b"CUT") {
                stream.shutdown().await.unwrap();
            }
            let mut received = Vec::new();
            // Reset when the client gives up.
            let _ = stream.read_to_end(&mut received).await;
            received
        });
        (folder, Arc::new(Blobs::new(Address::Unix(socket))), received)
    }

    async fn get(answer: &'static [u8], limit: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let (_folder, blobs, _received) = host(answer);
        match blobs.get("00ff", limit).await? {
            Some(download) => download.read_all().await.map(Some),
            None => Ok(None),
        }
    }

    #[tokio::test]
    async fn blobs_are_read_within_their_limit() {
        let blob = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nblob";
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nblob\r\n0\r\n\r\n";
        let endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nblob\r\n4\r\nblob";
        assert_eq!(get(blob, 4).await.unwrap().unwrap(), b"blob");
        assert_eq!(get(chunked, 4).await.unwrap().unwrap(), b"blob");
        assert!(matches!(get(blob, 3).await, Err(BlobError::TooLarge { limit: 3 })));
        assert!(matches!(get(endless, 7).await, Err(BlobError::TooLarge { limit: 7 })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_sends_a_byte_now_and_then_is_not_waited_for_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
            // Until the client gives up.
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(TIMEOUT / 3).await;
            }
        });
        let started = tokio::time::Instant::now();
        let download = Blobs::new(Address::Unix(socket)).get("00ff", 1_000_000).await.unwrap().unwrap();
        assert!(matches!(download.read_all().await, Err(BlobError::TimedOut)));
        assert_eq!(started.elapsed().as_secs(), TIMEOUT.as_secs() + 3);
    }

    #[tokio::test]
    async fn a_missing_blob_is_none_and_everything_else_an_error() {
        assert_eq!(get(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 4).await.unwrap(), None);
        let error = get(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 4).await.unwrap_err();
        assert!(matches!(error, BlobError::Status(StatusCode::INTERNAL_SERVER_ERROR)));
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nCUT";
        assert!(matches!(get(cut, 99).await, Err(BlobError::Failed(_))));
        assert!(matches!(get(b"SMTP\r\n\r\nCUT", 99).await, Err(BlobError::Failed(_))));
        let nobody = Blobs::new(Address::Unix("/no/such/socket".into()));
        assert!(matches!(nobody.get("00ff", 4).await, Err(BlobError::Failed(_))));
        assert!(matches!(nobody.check().await, Err(BlobError::Failed(_))));
    }

    /// A host does so that carries bytes to a store which is not there.
    #[tokio::test]
    async fn a_connection_that_ends_before_its_answer_is_told_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let host = tokio::spawn(async move {
            drop(listener.accept().await.unwrap());
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_u8().await.unwrap();
        });
        let blobs = Blobs::new(Address::Unix(socket));
        for _ in 0..2 {
            let error = blobs.check().await.unwrap_err();
            assert_eq!(error.to_string(), "the host's store does not answer");
        }
        host.await.unwrap();
    }

    #[tokio::test]
    async fn a_service_that_has_nothing_works() {
        let (_folder, blobs, received) = host(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        blobs.check().await.unwrap();
        assert!(received.await.unwrap().starts_with(b"GET /blobs/00 HTTP/1.1\r\n"));
    }
}
