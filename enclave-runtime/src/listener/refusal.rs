use cape_core::ErrorCode;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::metrics::HandshakeEnd;

pub(super) type Answer = Response<Full<Bytes>>;

/// Seconds after which a client that found no room may come back.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why no new connection becomes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// There are as many as there may be.
    Full,
    /// The runtime ends.
    Stopping,
}

/// What a client is told whose request does not become a session.
pub(super) struct Refusal {
    status: StatusCode,
    class: ErrorCode,
    message: String,
    end: HandshakeEnd,
}

impl NoRoom {
    pub(super) fn refusal(self) -> Refusal {
        let (message, end) = match self {
            Self::Full => ("as many connections are open as allowed", HandshakeEnd::Full),
            Self::Stopping => ("the enclave is being stopped", HandshakeEnd::Stopping),
        };
        Refusal::busy(StatusCode::SERVICE_UNAVAILABLE, message, end)
    }
}

impl Refusal {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::malformed(StatusCode::BAD_REQUEST, ErrorCode::ProtocolError, message.into())
    }

    pub(super) fn not_found(message: String) -> Self {
        Self::malformed(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    pub(super) fn too_many() -> Self {
        let message = "too many handshakes a second";
        Self::busy(StatusCode::TOO_MANY_REQUESTS, message, HandshakeEnd::TooMany)
    }

    fn malformed(status: StatusCode, class: ErrorCode, message: String) -> Self {
        Self { status, class, message, end: HandshakeEnd::Malformed }
    }

    fn busy(status: StatusCode, message: &str, end: HandshakeEnd) -> Self {
        Self { status, class: ErrorCode::Overloaded, message: message.to_owned(), end }
    }

    /// What the attempt is counted as.
    pub(super) fn end(&self) -> HandshakeEnd {
        self.end
    }

    /// The answer to a request that was read.
    pub(super) fn into_response(self) -> Answer {
        let mut response = Response::new(Full::from(self.body()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers();
        response
    }

    /// The same answer as HTTP/1.1 writes it, for a request that is not read.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let body = self.body();
        let mut bytes =
            format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n", self.status, body.len()).into_bytes();
        for (name, value) in &self.headers() {
            bytes.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body.as_bytes());
        bytes
    }

    fn body(&self) -> String {
        json!({"code": self.class.name(), "message": self.message}).to_string()
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if self.class == ErrorCode::Overloaded {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_nobody_asked_for_is_one_of_http() {
        let bytes = NoRoom::Full.refusal().to_bytes();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 73\r\ncontent-type: application/json\r\n\
             connection: close\r\nretry-after: 1\r\n\r\n\
             {\"code\":\"Overloaded\",\"message\":\"as many connections are open as allowed\"}"
        );
    }
}
