use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why the development PKI cannot be made, opened or used.
#[derive(Debug)]
#[non_exhaustive]
pub enum PkiError {
    /// There is a root already; it is never replaced.
    Exists {
        /// Where.
        directory: PathBuf,
    },
    /// There is no root.
    Missing {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// Others than the owner have access to the keys.
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file does not hold what was written into it.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read or written.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The root is not valid for as long as a new chain below it would be.
    RootNotValid {
        /// Where the root is.
        directory: PathBuf,
        /// Its first second, since 1970.
        not_before: u64,
        /// Its last second, since 1970.
        not_after: u64,
        /// The time it was asked for, in seconds since 1970.
        now: u64,
    },
    /// A certificate cannot state this time.
    Clock {
        /// The time, in seconds since 1970.
        now: u64,
    },
    /// A key or certificate cannot be made.
    Issue {
        /// What the library said.
        reason: String,
    },
}

impl PkiError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn issue(reason: impl fmt::Display) -> Self {
        Self::Issue { reason: reason.to_string() }
    }
}

impl fmt::Display for PkiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists { directory } => {
                write!(formatter, "{} has a development root already", directory.display())
            }
            Self::Missing { directory } => {
                write!(formatter, "{} has no development root", directory.display())
            }
            Self::Exposed { path, mode } => {
                write!(formatter, "others have access to {} (mode {mode:04o})", path.display())
            }
            Self::Malformed { path, reason } => {
                write!(formatter, "{}: {reason}", path.display())
            }
            Self::Io { path, source } => write!(formatter, "{}: {source}", path.display()),
            Self::RootNotValid { directory, not_before, not_after, now } => write!(
                formatter,
                "the development root in {} is valid from {not_before} to {not_after}, \
                 not long enough at {now} (seconds since 1970)",
                directory.display()
            ),
            Self::Clock { now } => {
                write!(formatter, "no certificate can state the time {now} (seconds since 1970)")
            }
            Self::Issue { reason } => {
                write!(formatter, "a certificate cannot be issued: {reason}")
            }
        }
    }
}

impl std::error::Error for PkiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
