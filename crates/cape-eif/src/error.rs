use core::fmt;
use std::io;

use crate::command_line::CommandLineDefect;
use crate::metadata::MetadataDefect;
use crate::section::{MAX_SECTIONS, MIN_SECTIONS, SectionKind};
use crate::signing::SignatureDefect;

/// Why bytes are no enclave image. Offsets count from the start of the image, sections from 0.
#[derive(Debug)]
pub enum Error {
    /// The section of the command line is wrong.
    CommandLine(CommandLineDefect),
    /// The image was altered by accident: its checksum is another.
    Crc {
        /// That of the bytes that were read.
        expected: u32,
        /// The one in the header.
        found: u32,
    },
    /// The header has flags that nobody knows.
    Flags {
        /// All of its flags.
        found: u16,
    },
    /// Reading failed.
    Io(io::Error),
    /// It does not begin as images do.
    Magic {
        /// Its first bytes.
        found: [u8; 4],
    },
    /// The metadata are wrong.
    Metadata(MetadataDefect),
    /// A field that has to be zero is not.
    Reserved {
        /// Where the field begins.
        offset: u64,
        /// What it has.
        found: u64,
    },
    /// Fewer sections than an image needs, or more than the header has room for.
    SectionCount {
        /// How many the header says there are.
        found: u16,
    },
    /// A section that does not belong there.
    SectionKind {
        /// Which section.
        section: usize,
        /// Where it begins.
        offset: u64,
        /// What belongs there.
        expected: SectionKind,
        /// The type that it says it is.
        found: u16,
    },
    /// A section does not begin where the one before it ends.
    SectionOffset {
        /// Which section.
        section: usize,
        /// Where the one before ends.
        expected: u64,
        /// Where the header says it begins.
        found: u64,
    },
    /// A section says another size than the header.
    SectionSize {
        /// Which section.
        section: usize,
        /// Where it begins.
        offset: u64,
        /// The size in the header.
        expected: u64,
        /// The size in the section.
        found: u64,
    },
    /// The signature's section is wrong.
    Signature(SignatureDefect),
    /// A section is larger than it may be.
    TooLarge {
        /// Which section.
        section: usize,
        /// Its size in bytes, as the header says.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Bytes behind the last section.
    TrailingBytes {
        /// Where they begin.
        offset: u64,
    },
    /// The image ends too early.
    Truncated {
        /// Where.
        offset: u64,
    },
    /// Another version than 4.
    Version {
        /// Which.
        found: u16,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(defect) => write!(f, "command line: {defect}"),
            Self::Crc { expected, found } => {
                write!(f, "the checksum of the image is {expected:08x}, and its header says {found:08x}")
            }
            Self::Flags { found } => write!(f, "flags {found:#06x} instead of 0 or 1"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Magic { found } => {
                write!(f, "not an enclave image: it begins with \"{}\"", found.escape_ascii())
            }
            Self::Metadata(defect) => write!(f, "metadata: {defect}"),
            Self::Reserved { offset, found } => {
                write!(f, "{found} at byte {offset}, in a field that has to be 0")
            }
            Self::SectionCount { found } => {
                write!(f, "{found} sections instead of {MIN_SECTIONS} to {MAX_SECTIONS}")
            }
            Self::SectionKind { section, offset, expected, found } => {
                write!(f, "section {section} at byte {offset} is of type {found} instead of {expected}")
            }
            Self::SectionOffset { section, expected, found } => {
                write!(f, "section {section} begins at byte {found} instead of {expected}")
            }
            Self::SectionSize { section, offset, expected, found } => {
                write!(f, "section {section} at byte {offset} says {found} bytes, and the header {expected}")
            }
            Self::Signature(defect) => write!(f, "signature: {defect}"),
            Self::TooLarge { section, found, limit } => {
                write!(f, "section {section} of {found} bytes, more than {limit}")
            }
            Self::TrailingBytes { offset } => write!(f, "bytes behind the last section, from byte {offset}"),
            Self::Truncated { offset } => write!(f, "the image ends at byte {offset}, too early"),
            Self::Version { found } => write!(f, "version {found} instead of 4"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::CommandLine(defect) => Some(defect),
            Self::Io(error) => Some(error),
            Self::Metadata(defect) => Some(defect),
            Self::Signature(defect) => Some(defect),
            _ => None,
        }
    }
}
