//! The text form: `cape:2:` and base64url without padding of the binary form. It is encoded and decoded by
//! windows that stay in the processor's cache, so that memory is passed over once; what is opened is looked
//! at once before, since a text with a foreign character is no envelope.

use core::ops::Range;

use base64_simd::{AsOut, URL_SAFE_NO_PAD};

use super::allocation::{resize, room_for};
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
        resize(window, decoded_length(groups.len())?)?;
        URL_SAFE_NO_PAD.decode(groups, window.as_mut_slice().as_out()).map_err(|_| undecodable(groups))?;
        let skipped = range.start - first * 3;
        window.get(skipped..skipped + range.len()).ok_or_else(|| Truncation::Text.into())
    }
}

/// A text form that is written piece by piece, in any order: the binary form's bytes are cut into pieces of
/// known lengths, and each has its place in the text. Where a piece ends within a group of three bytes, which
/// are four characters, the group is written when all pieces are there.
pub(super) struct TextPieces<'a> {
    pub(super) pieces: Vec<Piece<'a>>,
    /// After each piece, the group that it shares with the next, or the shorter one at the end.
    shared: Vec<&'a mut [u8]>,
}

/// One piece of the binary form and its place in the text.
pub(super) struct Piece<'a> {
    place: &'a mut [u8],
    before: SharedBytes,
    after: SharedBytes,
}

/// Up to two bytes of a group that two pieces share.
#[derive(Clone, Copy, Default)]
struct SharedBytes {
    bytes: [u8; 2],
    length: usize,
}

impl<'a> TextPieces<'a> {
    /// Writes the prefix. `output` has the length of the whole text, of pieces of three bytes or more.
    ///
    /// # Errors
    /// [`Error::NoMemory`]; [`Error::TooLong`] for an `output` of another length.
    pub(super) fn new(output: &'a mut [u8], lengths: impl Iterator<Item = usize>) -> Result<Self, Error> {
        let mut rest = output;
        let mut advance = |length| rest.split_off_mut(..length).ok_or(Error::TooLong);
        advance(TEXT_PREFIX.len())?.copy_from_slice(TEXT_PREFIX);
        let (count, _) = lengths.size_hint();
        let (mut pieces, mut shared) = (room_for(count)?, room_for(count)?);
        let mut lengths = lengths.peekable();
        let mut begun = 0;
        while let Some(length) = lengths.next() {
            let before = SharedBytes::of((3 - begun) % 3);
            let own = length.checked_sub(before.length).ok_or(Error::TooLong)?;
            begun = own % 3;
            let place = advance(URL_SAFE_NO_PAD.encoded_length(own - begun))?;
            pieces.push(Piece { place, before, after: SharedBytes::of(begun) });
            let is_last = lengths.peek().is_none();
            shared.push(advance(match begun {
                0 => 0,
                begun if is_last => begun + 1,
                _ => 4,
            })?);
        }
        Ok(Self { pieces, shared })
    }

    /// Writes the groups that pieces share, all of which are written.
    pub(super) fn finish(self) {
        let before = self.pieces.iter().skip(1).map(|piece| piece.before).chain([SharedBytes::default()]);
        for (place, (piece, before)) in self.shared.into_iter().zip(self.pieces.iter().zip(before)) {
            let group = [piece.after.as_slice(), before.as_slice()].concat();
            let _ = URL_SAFE_NO_PAD.encode(&group, place.as_out());
        }
    }
}

impl Piece<'_> {
    /// Writes all bytes of the piece.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (before, rest) = bytes.split_at_checked(self.before.length).ok_or(Error::TooLong)?;
        let own = rest.len().checked_sub(self.after.length).ok_or(Error::TooLong)?;
        let (own, after) = rest.split_at(own);
        if URL_SAFE_NO_PAD.encoded_length(own.len()) != self.place.len() {
            return Err(Error::TooLong);
        }
        self.before.fill(before);
        self.after.fill(after);
        let _ = URL_SAFE_NO_PAD.encode(own, self.place.as_out());
        Ok(())
    }
}

impl SharedBytes {
    fn of(length: usize) -> Self {
        Self { bytes: [0; 2], length }
    }

    fn fill(&mut self, bytes: &[u8]) {
        self.bytes.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
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
    fn pieces_in_any_order_are_the_text() {
        let bytes: Vec<u8> = (0..60).map(|byte: u8| byte.wrapping_mul(37)).collect();
        for (first, second, third) in
            (3..9).flat_map(|a| (3..9).flat_map(move |b| (3..9).map(move |c| (a, b, c))))
        {
            let whole = &bytes[..first + second + third];
            let mut output = vec![0; text_length(whole.len()).unwrap()];
            let mut text = TextPieces::new(&mut output, [first, second, third].into_iter()).unwrap();
            for (number, range) in
                [(2, first + second..whole.len()), (0, 0..first), (1, first..first + second)]
            {
                assert_eq!(text.pieces[number].write(&whole[1..][..range.len() - 1]), Err(Error::TooLong));
                text.pieces[number].write(&whole[range]).unwrap();
            }
            text.finish();
            assert_eq!(output, encode(whole).unwrap());
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
