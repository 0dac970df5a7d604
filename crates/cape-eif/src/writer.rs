use core::fmt;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use crate::command_line::CommandLine;
use crate::header::{Architecture, HEADER_BYTES, Header};
use crate::measurement::{Measurements, Measurer};
use crate::metadata::{Metadata, MetadataDefect};
use crate::section::{MAX_SECTION_BYTES, MAX_SECTIONS, SECTION_HEADER_BYTES, Section, SectionKind};
use crate::signing::{NotSigned, Signer};
use crate::source::length_as_u64;

/// What an image says of itself, beside its kernel and its ramdisks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What the kernel and the programs are compiled for.
    pub architecture: Architecture,
    /// The bytes of memory that an enclave gets when nobody says how many.
    pub default_memory: u64,
    /// The CPUs that an enclave gets when nobody says how many.
    pub default_cpus: u64,
    /// What the kernel is told at its start.
    pub command_line: CommandLine,
    /// What people want to know.
    pub metadata: Metadata,
}

/// Writes an image: the kernel, then one ramdisk after the other, then the end. The same parts give the
/// same bytes, but for a signature, which is another each time.
///
/// The image begins where `output` does, which is empty. Sizes and the checksum are known last and stand
/// first, so that `output` is sought in. A step that fails takes the writer with it: what was written
/// until then is no image.
pub struct ImageWriter<W: Write + Seek> {
    output: BufWriter<W>,
    description: Description,
    sections: Vec<Section>,
    /// Of all sections; the header's is combined with it.
    crc: crc32fast::Hasher,
    measurer: Measurer,
}

impl<W: Write + Seek> ImageWriter<W> {
    /// Writes the kernel, the command line and the metadata.
    ///
    /// # Errors
    ///
    /// The metadata could not be read again, or reading or writing failed.
    pub fn new(output: W, description: Description, mut kernel: impl Read) -> Result<Self, WriteError> {
        let metadata = serde_json::to_vec(&description.metadata).map_err(io::Error::from)?;
        if length_as_u64(metadata.len()) > Metadata::MAX_BYTES {
            return Err(WriteError::MetadataTooLarge { actual: metadata.len() });
        }
        Metadata::parse(&metadata).map_err(WriteError::Metadata)?;
        let command_line = description.command_line.as_str().to_owned();
        let mut writer = Self {
            output: BufWriter::with_capacity(128 * 1024, output),
            description,
            sections: Vec::new(),
            crc: crc32fast::Hasher::new(),
            measurer: Measurer::new(),
        };
        writer.output.seek(SeekFrom::Start(HEADER_BYTES))?;
        writer.section(SectionKind::Kernel, |out| io::copy(&mut kernel, out).map(drop))?;
        writer.section(SectionKind::CommandLine, |out| out.write_all(command_line.as_bytes()))?;
        writer.section(SectionKind::Metadata, |out| out.write_all(&metadata))?;
        Ok(writer)
    }

    /// Adds a ramdisk: what `fill` writes.
    ///
    /// # Errors
    ///
    /// There are 28 already, so that no room would be left for a signature; or writing failed.
    pub fn ramdisk(
        mut self,
        fill: impl FnOnce(&mut SectionWriter<'_, W>) -> io::Result<()>,
    ) -> Result<Self, WriteError> {
        if self.sections.len() + 1 == MAX_SECTIONS {
            return Err(WriteError::TooManyRamdisks);
        }
        self.section(SectionKind::Ramdisk, fill)?;
        Ok(self)
    }

    /// Signs the image, if somebody does, and completes it.
    ///
    /// # Errors
    ///
    /// There is no ramdisk, no signature was made, or writing failed.
    pub fn finish(mut self, signer: Option<&Signer>) -> Result<Measurements, WriteError> {
        if self.sections.last().is_none_or(|last| last.kind != SectionKind::Ramdisk) {
            return Err(WriteError::NoRamdisk);
        }
        if let Some(signer) = signer {
            let signature = signer.sign(&self.measurer.pcr0())?;
            self.section(SectionKind::Signature, |out| out.write_all(&signature))?;
        }
        let Description { architecture, default_memory, default_cpus, .. } = self.description;
        let header = Header::encode(architecture, default_memory, default_cpus, &self.sections);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&header);
        crc.combine(&self.crc);
        self.output.seek(SeekFrom::Start(0))?;
        self.output.write_all(&header)?;
        self.output.write_all(&crc.finalize().to_be_bytes())?;
        self.output.flush()?;
        Ok(self.measurer.finish(signer.map(|signer| signer.certificate().der())))
    }

    fn section(
        &mut self,
        kind: SectionKind,
        fill: impl FnOnce(&mut SectionWriter<'_, W>) -> io::Result<()>,
    ) -> io::Result<()> {
        let begin = self.sections.last().map_or(HEADER_BYTES, |last| last.offset + last.size);
        let offset = begin + SECTION_HEADER_BYTES;
        self.output.seek(SeekFrom::Start(offset))?;
        let mut content = SectionWriter { image: self, kind, crc: crc32fast::Hasher::new(), size: 0 };
        fill(&mut content)?;
        let (crc, size) = (content.crc, content.size);
        let header = Section::header(kind, size);
        self.output.seek(SeekFrom::Start(begin))?;
        self.output.write_all(&header)?;
        self.crc.update(&header);
        self.crc.combine(&crc);
        self.measurer.end(kind);
        self.sections.push(Section { kind, offset, size });
        Ok(())
    }
}

/// Takes the content of a section.
pub struct SectionWriter<'a, W: Write + Seek> {
    image: &'a mut ImageWriter<W>,
    kind: SectionKind,
    crc: crc32fast::Hasher,
    size: u64,
}

impl<W: Write + Seek> Write for SectionWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.image.output.write(bytes)?;
        let written = bytes.get(..length).unwrap_or(bytes);
        self.crc.update(written);
        self.image.measurer.update(self.kind, written);
        self.size += length_as_u64(length);
        if self.size > MAX_SECTION_BYTES { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(length) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why there is no image. What was written until then is none.
#[derive(Debug)]
pub enum WriteError {
    /// Reading a part or writing the image failed.
    Io(io::Error),
    /// The metadata could not be read again: a field among the others has the name of a known one.
    Metadata(MetadataDefect),
    /// The metadata are larger than [`Metadata::MAX_BYTES`].
    MetadataTooLarge {
        /// Their bytes.
        actual: usize,
    },
    /// An image has at least one ramdisk.
    NoRamdisk,
    /// No signature was made.
    NotSigned,
    /// More ramdisks than an image has room for beside a signature.
    TooManyRamdisks,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Metadata(defect) => write!(f, "metadata: {defect}"),
            Self::MetadataTooLarge { actual } => {
                write!(f, "metadata of {actual} bytes, more than {}", Metadata::MAX_BYTES)
            }
            Self::NoRamdisk => f.write_str("an image has at least one ramdisk"),
            Self::NotSigned => NotSigned.fmt(f),
            Self::TooManyRamdisks => f.write_str("more than 28 ramdisks"),
        }
    }
}

impl core::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Metadata(defect) => Some(defect),
            _ => None,
        }
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<NotSigned> for WriteError {
    fn from(NotSigned: NotSigned) -> Self {
        Self::NotSigned
    }
}
