use core::fmt;
use std::io::{self, Read, Seek, SeekFrom, Take};

use crate::Error;
use crate::checked::Checked;

/// As many as the header has room for.
pub(crate) const MAX_SECTIONS: usize = 32;
/// Kernel, command line, metadata, one ramdisk.
pub(crate) const MIN_SECTIONS: usize = 4;
/// A section's own header: type, flags, size.
pub(crate) const SECTION_HEADER_BYTES: u64 = 12;
/// The largest section: more than a host has memory, and little enough that sums do not overflow.
pub(crate) const MAX_SECTION_BYTES: u64 = 1 << 40;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// The kernel: type 1.
    Kernel,
    /// What the kernel is told at its start: type 2.
    CommandLine,
    /// An archive of files for the enclave: type 3.
    Ramdisk,
    /// Who made the image: type 4.
    Signature,
    /// What people want to know about the image, in JSON: type 5.
    Metadata,
}

impl SectionKind {
    pub(crate) fn id(self) -> u16 {
        match self {
            Self::Kernel => 1,
            Self::CommandLine => 2,
            Self::Ramdisk => 3,
            Self::Signature => 4,
            Self::Metadata => 5,
        }
    }

    /// Whether its bytes count for the measurements of the image.
    pub(crate) fn is_measured(self) -> bool {
        matches!(self, Self::Kernel | Self::CommandLine | Self::Ramdisk)
    }

    /// What has to be at a place; only the last place is open to two kinds.
    fn expected_at(section: usize, count: usize, found: u16) -> Self {
        match section {
            0 => Self::Kernel,
            1 => Self::CommandLine,
            2 => Self::Metadata,
            _ if section >= MIN_SECTIONS && section + 1 == count && found == Self::Signature.id() => {
                Self::Signature
            }
            _ => Self::Ramdisk,
        }
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Kernel => "kernel",
            Self::CommandLine => "command line",
            Self::Ramdisk => "ramdisk",
            Self::Signature => "signature",
            Self::Metadata => "metadata",
        };
        write!(f, "{} ({name})", self.id())
    }
}

/// Where a section's content is in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it holds.
    pub kind: SectionKind,
    /// Where its content begins, in bytes from the start of the image.
    pub offset: u64,
    /// The bytes of its content.
    pub size: u64,
}

impl Section {
    /// Its content, from the image that it was found in.
    ///
    /// # Errors
    ///
    /// When `image` cannot be sought in.
    pub fn open<R: Read + Seek>(&self, mut image: R) -> io::Result<Take<R>> {
        image.seek(SeekFrom::Start(self.offset))?;
        Ok(image.take(self.size))
    }

    /// Reads the header of section `section` of `count`, which the image's header says is of `size`.
    pub(crate) fn read<R: Read>(
        source: &mut Checked<R>,
        section: usize,
        count: usize,
        size: u64,
    ) -> Result<Self, Error> {
        let offset = source.offset();
        let found = source.u16()?;
        let kind = SectionKind::expected_at(section, count, found);
        if found != kind.id() {
            return Err(Error::SectionKind { section, offset, expected: kind, found });
        }
        let flags_at = source.offset();
        match source.u16()? {
            0 => {}
            flags => return Err(Error::Reserved { offset: flags_at, found: flags.into() }),
        }
        match source.u64()? {
            found if found == size => Ok(Self { kind, offset: source.offset(), size }),
            found => Err(Error::SectionSize { section, offset, expected: size, found }),
        }
    }

    pub(crate) fn header(kind: SectionKind, size: u64) -> Vec<u8> {
        [kind.id().to_be_bytes().as_slice(), &[0; 2], &size.to_be_bytes()].concat()
    }
}
