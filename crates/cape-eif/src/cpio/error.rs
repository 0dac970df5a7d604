use core::fmt;
use std::io;

use super::NameDefect;
use crate::source::Stop;

/// Why bytes are not an archive, or not one that is read here. Offsets count from the start of the
/// archive; that of an entry is where it begins.
#[derive(Debug)]
pub enum Error {
    /// A directory, a device or the end of the archive with content.
    Content {
        /// Where the entry begins.
        offset: u64,
        /// The size that it says.
        found: u32,
    },
    /// A name for the second time.
    DuplicateName {
        /// Where the entry begins.
        offset: u64,
        /// The name.
        name: String,
    },
    /// A field that is not 8 hexadecimal digits.
    Field {
        /// Where the field begins.
        offset: u64,
        /// What it has.
        found: [u8; 8],
    },
    /// Another name of a file that came before.
    HardLink {
        /// Where the entry begins.
        offset: u64,
        /// The name.
        name: String,
    },
    /// Reading failed.
    Io(io::Error),
    /// An entry does not begin with `070701`.
    Magic {
        /// Where the entry begins.
        offset: u64,
        /// What it begins with.
        found: [u8; 6],
    },
    /// A mode of no known type of file, or with unknown bits.
    Mode {
        /// Where the entry begins.
        offset: u64,
        /// The mode.
        found: u32,
    },
    /// A name that is none.
    Name {
        /// Where the entry begins.
        offset: u64,
        /// What is wrong with it.
        defect: NameDefect,
    },
    /// What is above the name is no directory that came before.
    NoDirectory {
        /// Where the entry begins.
        offset: u64,
        /// The name.
        name: String,
    },
    /// Something else than zeros where zeros belong: behind a name, a content or the end, or in the
    /// field of a checksum.
    Padding {
        /// Where.
        offset: u64,
    },
    /// A symbolic link to a text that is empty, longer than 4095 bytes, not UTF-8, or has a NUL.
    Target {
        /// Where the entry begins.
        offset: u64,
    },
    /// A file whose content is asked for has more than is held.
    TooLarge {
        /// Where the entry begins.
        offset: u64,
        /// The size that it says.
        found: u32,
        /// The most that is held.
        limit: u32,
    },
    /// More names than are held.
    TooManyNames {
        /// Where the first entry too many begins.
        offset: u64,
    },
    /// The archive ends too early.
    Truncated {
        /// Where.
        offset: u64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { offset, found } => {
                write!(f, "the entry at byte {offset} has {found} bytes of content, and may have none")
            }
            Self::DuplicateName { offset, name } => {
                write!(f, "the entry at byte {offset} has the name {name:?}, which was there before")
            }
            Self::Field { offset, found } => {
                write!(f, "\"{}\" at byte {offset} instead of 8 hexadecimal digits", found.escape_ascii())
            }
            Self::HardLink { offset, name } => {
                write!(f, "the entry at byte {offset}, {name:?}, is a hard link to a file before it")
            }
            Self::Io(error) => write!(f, "{error}"),
            Self::Magic { offset, found } => {
                write!(
                    f,
                    "not an archive of cpio in the form newc: \"{}\" at byte {offset}",
                    found.escape_ascii()
                )
            }
            Self::Mode { offset, found } => {
                write!(f, "the entry at byte {offset} has the mode {found:o}, of no type of file")
            }
            Self::Name { offset, defect } => write!(f, "the name of the entry at byte {offset}: {defect}"),
            Self::NoDirectory { offset, name } => {
                write!(f, "the entry at byte {offset}, {name:?}, is in no directory that came before it")
            }
            Self::Padding { offset } => write!(f, "not a zero at byte {offset}"),
            Self::Target { offset } => {
                write!(f, "the symbolic link at byte {offset} points to no text of 1 to 4095 bytes")
            }
            Self::TooLarge { offset, found, limit } => {
                write!(f, "the file at byte {offset} has {found} bytes, more than {limit}")
            }
            Self::TooManyNames { offset } => write!(f, "too many entries, from byte {offset}"),
            Self::Truncated { offset } => write!(f, "the archive ends at byte {offset}, too early"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Name { defect, .. } => Some(defect),
            _ => None,
        }
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Io(error) => Self::Io(error),
            Stop::Truncated { offset } => Self::Truncated { offset },
        }
    }
}
