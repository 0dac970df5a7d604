use std::io::Read;

use cape_core::UnixTime;

use crate::Error;
use crate::checked::Checked;
use crate::command_line::CommandLine;
use crate::header::{Architecture, Header};
use crate::measurement::{Measurements, Measurer};
use crate::metadata::Metadata;
use crate::section::{Section, SectionKind};
use crate::signing::{Certificate, Signature, SignatureError};
use crate::source::length_as_u64;

/// An image whose form is right: each section in its place, the checksum its own. What is in the
/// ramdisks was measured and not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    architecture: Architecture,
    default_memory: u64,
    default_cpus: u64,
    sections: Vec<Section>,
    command_line: CommandLine,
    metadata: Metadata,
    signature: Option<Signature>,
    measurements: Measurements,
}

impl Image {
    /// Reads an image from its first byte to the end of `input`, once and in pieces.
    ///
    /// # Errors
    ///
    /// What is wrong with it: the first defect in the order of the image, and those inside of the
    /// command line, the metadata and the signature after a checksum that is not the image's.
    pub fn read(input: impl Read) -> Result<Self, Error> {
        let mut source = Checked::new(input);
        let header = Header::read(&mut source)?;
        let mut sections = Vec::with_capacity(header.section_sizes.len());
        let mut measurer = Measurer::new();
        let (mut command_line, mut metadata, mut signature) = (Vec::new(), Vec::new(), None);
        for (index, size) in header.section_sizes.iter().enumerate() {
            let section = Section::read(&mut source, index, header.section_sizes.len(), *size)?;
            check_size(index, &section)?;
            let mut held = match section.kind {
                SectionKind::CommandLine => Some(&mut command_line),
                SectionKind::Metadata => Some(&mut metadata),
                SectionKind::Signature => Some(signature.insert(Vec::new())),
                SectionKind::Kernel | SectionKind::Ramdisk => None,
            };
            source.pieces(section.size, |piece| {
                measurer.update(section.kind, piece);
                if let Some(held) = &mut held {
                    held.extend_from_slice(piece);
                }
            })?;
            measurer.end(section.kind);
            sections.push(section);
        }
        let expected = source.finish()?;
        if header.crc != expected {
            return Err(Error::Crc { expected, found: header.crc });
        }
        let signature = signature.map(|section| Signature::parse(&section)).transpose();
        let signature = signature.map_err(Error::Signature)?;
        let certificate = signature.as_ref().map(|signature| signature.certificate().der());
        Ok(Self {
            architecture: header.architecture,
            default_memory: header.default_memory,
            default_cpus: header.default_cpus,
            sections,
            command_line: CommandLine::parse(command_line).map_err(Error::CommandLine)?,
            metadata: Metadata::parse(&metadata).map_err(Error::Metadata)?,
            measurements: measurer.finish(certificate),
            signature,
        })
    }

    /// What its kernel and programs are compiled for.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The bytes of memory that an enclave gets when nobody says how many.
    pub fn default_memory(&self) -> u64 {
        self.default_memory
    }

    /// The CPUs that an enclave gets when nobody says how many.
    pub fn default_cpus(&self) -> u64 {
        self.default_cpus
    }

    /// Its sections, in their order.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// What the kernel is told at its start.
    pub fn command_line(&self) -> &CommandLine {
        &self.command_line
    }

    /// What its maker says about it.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Who says that the image is theirs; whether it is shows [`Image::verify_signature`].
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }

    /// The registers of an enclave with this image.
    pub fn measurements(&self) -> &Measurements {
        &self.measurements
    }

    /// The certificate that this very image is signed under, valid at `now`. Whose it is, its name
    /// alone does not say: callers compare PCR8.
    ///
    /// # Errors
    ///
    /// The image is not signed, or its signature does not hold.
    pub fn verify_signature(&self, now: UnixTime) -> Result<&Certificate, SignatureError> {
        let signature = self.signature.as_ref().ok_or(SignatureError::Unsigned)?;
        signature.verify(&self.measurements.pcr0, now)
    }
}

/// What is held as a whole is small.
fn check_size(index: usize, section: &Section) -> Result<(), Error> {
    let limit = match section.kind {
        SectionKind::CommandLine => length_as_u64(CommandLine::MAX_BYTES),
        SectionKind::Metadata => Metadata::MAX_BYTES,
        SectionKind::Signature => Signature::MAX_BYTES,
        SectionKind::Kernel | SectionKind::Ramdisk => return Ok(()),
    };
    if section.size <= limit {
        Ok(())
    } else {
        Err(Error::TooLarge { section: index, found: section.size, limit })
    }
}
