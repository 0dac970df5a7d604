use std::io::Read;

use crate::Error;
use crate::source::{Source, Stop};

/// An image's bytes in their order, each of which counts for its checksum.
pub(crate) struct Checked<R> {
    source: Source<R>,
    crc: crc32fast::Hasher,
}

impl<R: Read> Checked<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { source: Source::new(input), crc: crc32fast::Hasher::new() }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.source.offset()
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let bytes = self.source.fixed()?;
        self.crc.update(&bytes);
        Ok(bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Error> {
        self.fixed().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.fixed().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        self.fixed().map(u64::from_be_bytes)
    }

    /// The checksum in the header: the one field that does not count.
    pub(crate) fn crc(&mut self) -> Result<u32, Error> {
        Ok(self.source.fixed().map(u32::from_be_bytes)?)
    }

    /// Hands the next `size` bytes on, in pieces.
    pub(crate) fn pieces(&mut self, size: u64, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        Ok(self.source.pieces(size, |piece| {
            self.crc.update(piece);
            take(piece);
        })?)
    }

    /// The checksum of all that counted, when nothing is left to be read.
    pub(crate) fn finish(mut self) -> Result<u32, Error> {
        match self.source.is_at_end()? {
            true => Ok(self.crc.finalize()),
            false => Err(Error::TrailingBytes { offset: self.offset() }),
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
