use std::{fmt, io};

use zip::result::ZipError;

/// Why a bundle was not unpacked.
#[derive(Debug)]
pub(crate) enum BundleError {
    /// The archive or an entry breaks a rule.
    Refused {
        /// Which entry, where it is one.
        entry: Option<String>,
        /// Which rule.
        rule: &'static str,
    },
    /// Unpacked, it would be larger than allowed.
    TooLarge {
        /// Bytes.
        size: u64,
        /// Bytes.
        limit: u64,
    },
    /// Reading or writing failed.
    Io(io::Error),
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { entry: Some(entry), rule } => write!(f, "bundle entry {entry:?} refused: {rule}"),
            Self::Refused { entry: None, rule } => write!(f, "bundle refused: {rule}"),
            Self::TooLarge { size, limit } => {
                write!(f, "bundle of {size} bytes when unpacked, the limit is {limit}")
            }
            Self::Io(error) => write!(f, "bundle not unpacked: {error}"),
        }
    }
}

impl From<io::Error> for BundleError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ZipError> for BundleError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => Self::Io(error),
            _ => refused(None, "not a whole and plain zip archive"),
        }
    }
}

/// A rule that an entry, or the whole archive, breaks.
pub(super) fn refused(entry: Option<String>, rule: &'static str) -> BundleError {
    BundleError::Refused { entry, rule }
}
