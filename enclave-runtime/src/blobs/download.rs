use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};

use super::{BlobError, OnDrop, in_time};

/// A blob that is being read.
pub(crate) struct Download {
    body: Incoming,
    left: u64,
    limit: u64,
    _connection: OnDrop<()>,
}

impl Download {
    /// What comes as `body` on a connection, `limit` bytes of it at most.
    pub(super) fn new(body: Incoming, limit: u64, connection: OnDrop<()>) -> Self {
        Self { body, left: limit, limit, _connection: connection }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BlobError> {
        while let Some(frame) = in_time(self.body.frame()).await? {
            let Ok(bytes) = frame?.into_data() else { continue };
            match self.left.checked_sub(bytes.len() as u64) {
                Some(left) => self.left = left,
                None => return Err(BlobError::TooLarge { limit: self.limit }),
            }
            return Ok(Some(bytes));
        }
        Ok(None)
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
