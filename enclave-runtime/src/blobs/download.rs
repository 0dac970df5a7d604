use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame, Incoming};

use tokio::time::{Duration, Instant, timeout_at};

use super::{BlobError, TIMEOUT};
use crate::tasks::OnDrop;

/// Bytes in a second that a host sends at least, which has begun to: one that sends a byte now and
/// then would hold a call up for ever.
const SLOWEST: u64 = 256 << 10;

/// A blob that is being read.
pub(crate) struct Download {
    body: Incoming,
    left: u64,
    limit: u64,
    /// When all of it has to be there.
    end: Instant,
    _connection: OnDrop<()>,
}

impl Download {
    /// What comes as `body` on a connection, `limit` bytes of it at most.
    pub(super) fn new(body: Incoming, limit: u64, connection: OnDrop<()>) -> Self {
        let end = Instant::now() + TIMEOUT + Duration::from_secs(limit / SLOWEST);
        Self { body, left: limit, limit, end, _connection: connection }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BlobError> {
        while let Some(frame) = self.frame().await? {
            let Ok(bytes) = frame?.into_data() else { continue };
            match self.left.checked_sub(bytes.len() as u64) {
                Some(left) => self.left = left,
                None => return Err(BlobError::TooLarge { limit: self.limit }),
            }
            return Ok(Some(bytes));
        }
        Ok(None)
    }

    async fn frame(&mut self) -> Result<Option<hyper::Result<Frame<Bytes>>>, BlobError> {
        let end = self.end.min(Instant::now() + TIMEOUT);
        timeout_at(end, self.body.frame()).await.map_err(|_| BlobError::TimedOut)
    }

    /// All of a small blob.
    pub(crate) async fn read_all(mut self) -> Result<Vec<u8>, BlobError> {
        let mut content = Vec::new();
        while let Some(bytes) = self.next().await? {
            content.extend_from_slice(&bytes);
        }
        Ok(content)
    }
}
