use core::fmt;

use super::{QueryError, SendError, Violation};
use crate::{ErrorCode, attest};

/// Anything that goes wrong in a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// The enclave could not be proven genuine and approved.
    Attestation(Box<attest::Error>),
    /// The query of the upgrade is answered with HTTP 400.
    Query(QueryError),
    /// A message was not sent, since the protocol does not allow it now.
    Send(SendError),
    /// The socket closed while answers were outstanding.
    StreamTruncated {
        /// Calls whose answer is not whole.
        calls: usize,
    },
    /// The other side broke the protocol.
    Violation(Violation),
}

impl Error {
    /// The class of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Attestation(error) => error.code(),
            Self::Query(error) => error.code(),
            Self::Send(error) => error.code(),
            Self::StreamTruncated { .. } => ErrorCode::StreamTruncated,
            Self::Violation(violation) => violation.code(),
        }
    }

    /// The facts by name, as text; sizes and limits count bytes.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Attestation(error) => error.details(),
            Self::Query(_) => Vec::new(),
            Self::Send(error) => error.details(),
            Self::StreamTruncated { calls } => vec![("calls", calls.to_string())],
            Self::Violation(violation) => violation.details(),
        }
    }
}

impl From<attest::Error> for Error {
    fn from(error: attest::Error) -> Self {
        Self::Attestation(Box::new(error))
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attestation(error) => error.fmt(f),
            Self::Query(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::StreamTruncated { calls } => {
                write!(f, "the connection closed while {calls} answers were outstanding")
            }
            Self::Violation(violation) => violation.fmt(f),
        }
    }
}

impl core::error::Error for Error {}
