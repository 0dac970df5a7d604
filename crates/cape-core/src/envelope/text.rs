//! The text form: `cape:2:` and base64url without padding of the binary form. It is encoded and decoded by
//! windows that stay in the processor's cache, so that memory is passed over once; what is opened is looked
//! at once before, since a text with a foreign character is no envelope.

use core::ops::Range;

use base64_simd::{AsOut, URL_SAFE_NO_PAD};

use super::allocation::room_for;
use super::error::{Defect, Error, Truncation};

/// What every text form begins with, whatever its version.
pub const TEXT_MARK: &[u8] = b"cape:";
/// What the text form of this version begins with.
pub const TEXT_PREFIX: &[u8] = b"cape:2:";

/// Chunks that are encoded or decoded together: as many as the processor's cache holds.
pub(super) const TEXT_WINDOW_CHUNKS: usize = 8;

/// Characters of the text form of so many bytes; `None` when that is more than memory can hold.
pub(super) fn text_length(binary: usize) -> Option<usize> {
    let rest = match binary % 3 {
        0 => 0,
        rest => rest + 1,
    };
    (binary / 3).checked_mul(4)?.checked_add(rest + TEXT_PREFIX.len())
}

/// What a text form encodes, by its version.
pub(super) enum Encoded<'a> {
    /// In base64 with padding.
    VersionOne(&'a [u8]),
    /// In base64url without padding.
    VersionTwo(&'a [u8]),
}

/// Takes the prefix off a text form of version 2.
///
/// # Errors
/// [`Error::UnsupportedVersion`] for the text form of another version; [`Error::NotAnEnvelope`].
pub(super) fn strip_prefix(text: &[u8]) -> Result<&[u8], Error> {
    match read_prefix(text)? {
        Encoded::VersionTwo(encoded) => Ok(encoded),
        Encoded::VersionOne(_) => Err(Error::UnsupportedVersion { version: 1 }),
    }
}

/// Whether this is an envelope of version 1, by its prefix alone.
pub fn is_version_one(sealed: &[u8]) -> bool {
    matches!(read_prefix(sealed), Ok(Encoded::VersionOne(_)))
}

/// Takes the prefix off a text form.
///
/// # Errors
/// [`Error::UnsupportedVersion`] for another version than 1 and 2; [`Error::NotAnEnvelope`].
pub(super) fn read_prefix(text: &[u8]) -> Result<Encoded<'_>, Error> {
    let versioned = text.strip_prefix(TEXT_MARK).ok_or(Error::NotAnEnvelope)?;
    if let Some(encoded) = text.strip_prefix(TEXT_PREFIX) {
        return Ok(Encoded::VersionTwo(encoded));
    }
    if TEXT_PREFIX.starts_with(text) {
        return Err(Truncation::Text.into());
    }
    // Version 1 has no second colon.
    let Some(end) = versioned.iter().position(|byte| *byte == b':') else {
        return Ok(Encoded::VersionOne(versioned));
    };
    match versioned.get(..end).and_then(read_version) {
        Some(version) => Err(Error::UnsupportedVersion { version }),
        None => Err(Error::NotAnEnvelope),
    }
}

fn read_version(digits: &[u8]) -> Option<u64> {
    digits.first().filter(|first| **first != b'0')?;
    digits.iter().try_fold(0u64, |version, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        version.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Bytes that so many characters of base64url stand for.
pub(super) fn decoded_length(characters: usize) -> Result<usize, Error> {
    match characters % 4 {
        0 => Ok(characters / 4 * 3),
        1 => Err(Truncation::Text.into()),
        rest => Ok(characters / 4 * 3 + rest - 1),
    }
}

/// The text form of `binary`.
///
/// # Errors
/// [`Error::NoMemory`].
pub(super) fn encode(binary: &[u8]) -> Result<Vec<u8>, Error> {
    let mut text = room_for(text_length(binary.len()).ok_or(Error::TooLong)?)?;
    text.extend(TEXT_PREFIX);
    URL_SAFE_NO_PAD.encode_append(binary, &mut text);
    Ok(text)
}

/// The bytes that base64url without padding stands for.
///
/// # Errors
/// [`Error::Truncated`] when it stops within a group, [`Error::Malformed`] for a foreign character,
/// [`Error::NoMemory`].
pub(super) fn decode(encoded: &[u8]) -> Result<Vec<u8>, Error> {
    let mut decoded = room_for(decoded_length(encoded.len())?)?;
    URL_SAFE_NO_PAD.decode_append(encoded, &mut decoded).map_err(|_| undecodable(encoded))?;
    Ok(decoded)
}

fn undecodable(encoded: &[u8]) -> Error {
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    // Bits are left over at the end of an otherwise good text: characters are missing.
    if encoded.iter().all(known) { Truncation::Text.into() } else { Defect::Text.into() }
}

/// Base64url without padding, all of which is known to decode, to be decoded piece by piece.
#[derive(Clone, Copy)]
pub(super) struct CheckedText<'a> {
    encoded: &'a [u8],
    length: usize,
}

impl<'a> CheckedText<'a> {
    /// Looks at every character.
    ///
    /// # Errors
    /// Those of [`decode`].
    pub(super) fn new(encoded: &'a [u8]) -> Result<Self, Error> {
        let length = decoded_length(encoded.len())?;
        URL_SAFE_NO_PAD.check(encoded).map_err(|_| undecodable(encoded))?;
        Ok(Self { encoded, length })
    }

    /// Bytes that it stands for.
    pub(super) fn length(self) -> usize {
        self.length
    }

    /// The bytes of a range within these, decoded into `window`, which grows as needed.
    pub(super) fn decode<'w>(&self, range: Range<usize>, window: &'w mut Vec<u8>) -> Result<&'w [u8], Error> {
        // Whole groups of four characters, which are three bytes each; the last may be shorter.
        let (first, end) = (range.start / 3, range.end.div_ceil(3));
        let groups =
            self.encoded.get(first * 4..(end * 4).min(self.encoded.len())).ok_or(Truncation::Text)?;
        window.resize(decoded_length(groups.len())?, 0);
        URL_SAFE_NO_PAD.decode(groups, window.as_mut_slice().as_out()).map_err(|_| undecodable(groups))?;
        let skipped = range.start - first * 3;
        window.get(skipped..skipped + range.len()).ok_or_else(|| Truncation::Text.into())
    }
}

/// Writes a text form into a buffer, from binary pieces that are made in a window of its own.
pub(super) struct TextWriter<'a> {
    output: &'a mut [u8],
    written: usize,
    /// Up to two bytes that wait for the rest of their group of three, then room for a piece.
    window: Vec<u8>,
    waiting: usize,
}

impl<'a> TextWriter<'a> {
    /// Writes the prefix. `output` has the whole text's length; pieces have at most `window` bytes.
    pub(super) fn new(output: &'a mut [u8], window: usize) -> Result<Self, Error> {
        let mut writer = Self { output, written: 0, window: vec![0; window + 2], waiting: 0 };
        writer.advance(TEXT_PREFIX.len())?.copy_from_slice(TEXT_PREFIX);
        Ok(writer)
    }

    /// Lets `make` write a piece of so many bytes, and encodes it.
    pub(super) fn write(
        &mut self,
        length: usize,
        make: impl FnOnce(&mut [u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let filled = self.waiting + length;
        make(self.window.get_mut(self.waiting..filled).ok_or(Error::TooLong)?)?;
        let whole = filled - filled % 3;
        self.encode(whole)?;
        self.window.copy_within(whole..filled, 0);
        self.waiting = filled - whole;
        Ok(())
    }

    /// Encodes what waits; returns the characters written, the prefix included.
    pub(super) fn finish(mut self) -> Result<usize, Error> {
        self.encode(self.waiting)?;
        Ok(self.written)
    }

    fn encode(&mut self, length: usize) -> Result<(), Error> {
        let window = core::mem::take(&mut self.window);
        let bytes = window.get(..length).ok_or(Error::TooLong)?;
        let place = self.advance(URL_SAFE_NO_PAD.encoded_length(length))?;
        let _ = URL_SAFE_NO_PAD.encode(bytes, place.as_out());
        self.window = window;
        Ok(())
    }

    /// The next so many characters of the output.
    fn advance(&mut self, length: usize) -> Result<&mut [u8], Error> {
        let place = self.output.get_mut(self.written..self.written + length).ok_or(Error::TooLong)?;
        self.written += length;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_piece_decodes_as_within_the_whole() {
        for length in 0..40 {
            let bytes: Vec<u8> = (0..length).map(|byte: u8| byte.wrapping_mul(37)).collect();
            let encoded = URL_SAFE_NO_PAD.encode_to_string(&bytes).into_bytes();
            let text = CheckedText::new(&encoded).unwrap();
            assert_eq!(text.length(), bytes.len());
            for start in 0..=bytes.len() {
                for end in start..=bytes.len() {
                    assert_eq!(text.decode(start..end, &mut Vec::new()).unwrap(), &bytes[start..end]);
                }
            }
            assert!(text.decode(0..bytes.len() + 1, &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn what_does_not_decode_is_not_taken() {
        let sound = URL_SAFE_NO_PAD.encode_to_string([0x5a; 100]).into_bytes();
        for length in 0..=sound.len() {
            for last in [b'A', b'B', b'Q', b'_', b'=', b'+', b'\n', 0xff] {
                let mut text = sound[..length].to_vec();
                if let Some(place) = text.last_mut() {
                    *place = last;
                }
                let (checked, decoded) = (CheckedText::new(&text).err(), decode(&text).err());
                assert_eq!(checked, decoded, "{:?}", str::from_utf8(&text));
            }
        }
    }
}
