use std::fmt;

use serde::{Deserialize, Serialize};

/// Why the NSM refused, by the names it uses itself.
///
/// A module that cannot be reached at all (the device answered with an error of its own) is
/// [`Error::InternalError`]; an answer that does not fit the question, or cannot be read, is
/// [`Error::InvalidResponse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Error {
    /// An argument is not acceptable.
    InvalidArgument,
    /// No register has this index, or a range reaches beyond the last one.
    InvalidIndex,
    /// The response does not belong to the request.
    InvalidResponse,
    /// The register is locked.
    ReadOnlyIndex,
    /// The module has no such operation.
    InvalidOperation,
    /// The response does not fit into the buffer that was given for it.
    BufferTooSmall,
    /// The request, or one of its fields, is too large.
    InputTooLarge,
    /// The module failed.
    InternalError,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InvalidArgument => "the NSM refused an argument",
            Self::InvalidIndex => "the NSM has no such register",
            Self::InvalidResponse => "the NSM's response does not belong to the request",
            Self::ReadOnlyIndex => "the NSM's register is locked",
            Self::InvalidOperation => "the NSM has no such operation",
            Self::BufferTooSmall => "the NSM's response does not fit into its buffer",
            Self::InputTooLarge => "the NSM's input is too large",
            Self::InternalError => "the NSM failed",
        })
    }
}

impl std::error::Error for Error {}
