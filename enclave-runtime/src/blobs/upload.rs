use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

use super::{BlobError, in_time};
use crate::tasks::OnDrop;

/// Parts that wait for the host.
const QUEUE: usize = 4;

/// A blob that is being written. Dropped before its last byte was, it leaves nothing.
pub(crate) struct Upload {
    parts: mpsc::Sender<Bytes>,
    answer: OnDrop<Result<(), BlobError>>,
}

impl Upload {
    pub(super) fn new(parts: mpsc::Sender<Bytes>, answer: OnDrop<Result<(), BlobError>>) -> Self {
        Self { parts, answer }
    }

    /// Writes the next bytes.
    pub(crate) async fn write(&mut self, bytes: Vec<u8>) -> Result<(), BlobError> {
        match in_time(self.parts.send(bytes.into())).await? {
            Ok(()) => Ok(()),
            // The request is over before its body is.
            Err(_) => match self.answered().await {
                Ok(()) => Err(BlobError::Failed("it answered too early".into())),
                Err(error) => Err(error),
            },
        }
    }

    /// Waits until the host has made the blob durable; all its bytes were written.
    pub(crate) async fn finish(mut self) -> Result<(), BlobError> {
        self.answered().await
    }

    async fn answered(&mut self) -> Result<(), BlobError> {
        in_time(&mut self.answer.0).await?.map_err(|error| BlobError::Failed(error.to_string()))?
    }
}

/// The body of an upload. It ends early, which breaks the request off, when the upload is dropped.
pub(super) struct UploadBody {
    parts: mpsc::Receiver<Bytes>,
    left: u64,
}

impl UploadBody {
    /// A body of exactly `size` bytes, and where they come in.
    pub(super) fn of(size: u64) -> (mpsc::Sender<Bytes>, Self) {
        let (sender, parts) = mpsc::channel(QUEUE);
        (sender, Self { parts, left: size })
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = Abandoned;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Abandoned>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let Poll::Ready(part) = self.parts.poll_recv(context) else { return Poll::Pending };
        let part = part.filter(|part| part.len() as u64 <= self.left).ok_or(Abandoned);
        Poll::Ready(Some(part.map(|part| {
            self.left -= part.len() as u64;
            Frame::data(part)
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// An upload that was given up.
#[derive(Debug)]
pub(super) struct Abandoned;

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the upload was given up")
    }
}

impl Error for Abandoned {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyper::StatusCode;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixListener;

    use super::super::tests::host;
    use super::super::{Address, Blobs};
    use super::*;

    #[tokio::test]
    async fn an_upload_says_its_length_and_sends_all_of_it() {
        let (_folder, blobs, received) = host(b"HTTP/1.1 204 No Content\r\n\r\n");
        let mut upload = blobs.put("00ff", 6);
        upload.write(b"abc".to_vec()).await.unwrap();
        upload.write(b"def".to_vec()).await.unwrap();
        upload.finish().await.unwrap();
        let received = String::from_utf8(received.await.unwrap()).unwrap();
        assert!(received.starts_with("PUT /blobs/00ff HTTP/1.1\r\n"), "{received}");
        assert!(received.contains("content-length: 6\r\n"), "{received}");
        assert!(received.ends_with("\r\n\r\nabcdef"), "{received}");
    }

    #[tokio::test]
    async fn an_upload_that_is_dropped_is_never_whole() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let blobs = Arc::new(Blobs::new(Address::Unix(socket)));
        let mut upload = blobs.put("00ff", 6);
        upload.write(b"abc".to_vec()).await.unwrap();
        let (mut host, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\nabc") {
            assert_ne!(host.read_buf(&mut received).await.unwrap(), 0, "{received:?}");
        }
        drop(upload);
        let mut rest = Vec::new();
        let _ = host.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
    }

    #[tokio::test]
    async fn a_refused_upload_is_an_error() {
        let (_folder, blobs, _received) = host(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
        let mut upload = blobs.put("00ff", 1 << 20);
        upload.write(vec![0; 1 << 19]).await.unwrap();
        let error = match upload.write(vec![0; 1 << 19]).await {
            Ok(()) => upload.finish().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, BlobError::Status(StatusCode::PAYLOAD_TOO_LARGE) | BlobError::Failed(_)));
    }
}
