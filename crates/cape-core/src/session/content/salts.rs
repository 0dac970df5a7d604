use core::fmt;

use super::map::{ContentError, MapWriter, UnknownKeys, read_map, required};
use crate::encoding::cbor::{Form, Reader};

/// The salts of a receipt's digests: whoever has a receipt but not these learns nothing of the data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salts {
    /// The salt of the input's digest.
    pub input: [u8; 32],
    /// The salt of the output's digest; a failed call has none.
    pub output: Option<[u8; 32]>,
}

impl Salts {
    /// Bytes that are read: those of this version are 72, and a later one may have more keys.
    pub const MAX_LENGTH: usize = 1024;

    /// The salts as they stand in END, for a file of their own.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`ContentError`], for more than [`MAX_LENGTH`](Self::MAX_LENGTH) bytes too.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContentError> {
        if bytes.len() > Self::MAX_LENGTH {
            return Err(ContentError::Size { actual: bytes.len(), limit: Self::MAX_LENGTH });
        }
        let mut reader = Reader::new(bytes, Form::Deterministic);
        let salts = Self::decode(&mut reader, UnknownKeys::Ignored)?;
        reader.finish()?;
        Ok(salts)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.entry(1).bytes(&self.input);
        if let Some(output) = &self.output {
            map.entry(2).bytes(output);
        }
        map.into_bytes()
    }

    pub(super) fn decode(reader: &mut Reader<'_>, unknown: UnknownKeys) -> Result<Self, ContentError> {
        let (mut input, mut output) = (None, None);
        read_map(reader, unknown, |key, reader| {
            match key {
                1 => input = Some(reader.byte_array()?),
                2 => output = Some(reader.byte_array()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { input: required(1, input)?, output })
    }
}

/// Shows which there are, not what they are: who has them and the receipt can try out guesses.
impl fmt::Debug for Salts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Salts").field("has_output", &self.output.is_some()).finish_non_exhaustive()
    }
}
