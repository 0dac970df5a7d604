//! The header: what holds for the whole image, and where its sections are (`docs/spec/image.md`,
//! header).

use core::fmt;
use std::io::Read;

use crate::Error;
use crate::checked::Checked;
use crate::section::{MAX_SECTION_BYTES, MAX_SECTIONS, MIN_SECTIONS, SECTION_HEADER_BYTES, Section};

pub(crate) const HEADER_BYTES: u64 = 548;
const MAGIC: [u8; 4] = *b".eif";
const VERSION: u16 = 4;
const FLAG_AARCH64: u16 = 1;

/// What the image's kernel and programs are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit Arm.
    Aarch64,
    /// 64-bit x86.
    X86_64,
}

/// As `uname -m` says it.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aarch64 => "aarch64",
            Self::X86_64 => "x86_64",
        })
    }
}

pub(crate) struct Header {
    pub(crate) architecture: Architecture,
    pub(crate) default_memory: u64,
    pub(crate) default_cpus: u64,
    pub(crate) section_sizes: Vec<u64>,
    pub(crate) crc: u32,
}

impl Header {
    pub(crate) fn read<R: Read>(source: &mut Checked<R>) -> Result<Self, Error> {
        match source.fixed()? {
            MAGIC => {}
            found => return Err(Error::Magic { found }),
        }
        match source.u16()? {
            VERSION => {}
            found => return Err(Error::Version { found }),
        }
        let architecture = match source.u16()? {
            0 => Architecture::X86_64,
            FLAG_AARCH64 => Architecture::Aarch64,
            found => return Err(Error::Flags { found }),
        };
        let (default_memory, default_cpus) = (source.u64()?, source.u64()?);
        expect_zero(source.offset(), source.u16()?.into())?;
        let found = source.u16()?;
        let count = usize::from(found);
        if !(MIN_SECTIONS..=MAX_SECTIONS).contains(&count) {
            return Err(Error::SectionCount { found });
        }
        let offsets = read_table(source, count)?;
        let section_sizes = read_table(source, count)?;
        check_places(&offsets, &section_sizes)?;
        expect_zero(source.offset(), source.u32()?.into())?;
        let crc = source.crc()?;
        Ok(Self { architecture, default_memory, default_cpus, section_sizes, crc })
    }

    /// All but the checksum, which comes behind it and counts what this returns.
    pub(crate) fn encode(
        architecture: Architecture,
        default_memory: u64,
        default_cpus: u64,
        sections: &[Section],
    ) -> Vec<u8> {
        let flags = match architecture {
            Architecture::X86_64 => 0,
            Architecture::Aarch64 => FLAG_AARCH64,
        };
        let count = u16::try_from(sections.len()).unwrap_or(u16::MAX);
        let mut bytes = MAGIC.to_vec();
        bytes.extend([VERSION, flags].into_iter().flat_map(u16::to_be_bytes));
        bytes.extend([default_memory, default_cpus].into_iter().flat_map(u64::to_be_bytes));
        bytes.extend([0, count].into_iter().flat_map(u16::to_be_bytes));
        let offsets = sections.iter().map(|section| section.offset - SECTION_HEADER_BYTES);
        bytes.extend(table(offsets));
        bytes.extend(table(sections.iter().map(|section| section.size)));
        bytes.extend([0; 4]);
        bytes
    }
}

/// A number for each section, and zeros for those that are not there.
fn table(numbers: impl Iterator<Item = u64>) -> impl Iterator<Item = u8> {
    numbers.chain(core::iter::repeat(0)).take(MAX_SECTIONS).flat_map(u64::to_be_bytes)
}

fn read_table<R: Read>(source: &mut Checked<R>, count: usize) -> Result<Vec<u64>, Error> {
    let used = (0..count).map(|_| source.u64()).collect::<Result<_, _>>()?;
    for _ in count..MAX_SECTIONS {
        expect_zero(source.offset(), source.u64()?)?;
    }
    Ok(used)
}

/// Each section begins where the one before it ends.
fn check_places(offsets: &[u64], sizes: &[u64]) -> Result<(), Error> {
    let mut expected = HEADER_BYTES;
    for (section, (offset, size)) in offsets.iter().zip(sizes).enumerate() {
        if *offset != expected {
            return Err(Error::SectionOffset { section, expected, found: *offset });
        }
        if *size > MAX_SECTION_BYTES {
            return Err(Error::TooLarge { section, found: *size, limit: MAX_SECTION_BYTES });
        }
        expected += SECTION_HEADER_BYTES + size;
    }
    Ok(())
}

fn expect_zero(offset: u64, found: u64) -> Result<(), Error> {
    if found == 0 { Ok(()) } else { Err(Error::Reserved { offset, found }) }
}
