use base64_simd::URL_SAFE_NO_PAD;

use super::allocation::room_for;
use super::error::Error;
use super::text::{TEXT_PREFIX, decode, strip_prefix};

/// Characters of base64url that stand for whole bytes: these four for three.
const GROUP: usize = 4;

/// Makes the binary form of a text form that comes piece by piece, in constant memory.
///
/// What it gives is not authentic before [`begin_open`](super::begin_open) and
/// [`PayloadOpener`](super::PayloadOpener) say so.
#[derive(Default)]
pub struct TextDecoder {
    /// What is not decoded yet: the prefix, as long as it is not whole, then less than a group.
    held: Vec<u8>,
    begun: bool,
}

impl TextDecoder {
    /// One that has had nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes that the next characters complete.
    ///
    /// # Errors
    /// [`Error::UnsupportedVersion`] and [`Error::NotAnEnvelope`] as soon as the prefix tells,
    /// [`Error::Malformed`] for a foreign character, [`Error::NoMemory`].
    pub fn decode(&mut self, text: &[u8]) -> Result<Vec<u8>, Error> {
        let mut rest = text;
        if !self.begun {
            let missing = TEXT_PREFIX.len().saturating_sub(self.held.len()).min(rest.len());
            let (head, tail) = rest.split_at(missing);
            self.held.extend_from_slice(head);
            if self.held.len() < TEXT_PREFIX.len() {
                return Ok(Vec::new());
            }
            strip_prefix(&self.held)?;
            self.held.clear();
            self.begun = true;
            rest = tail;
        }
        let mut decoded = room_for((self.held.len() + rest.len()) / GROUP * 3)?;
        if !self.held.is_empty() {
            let missing = (GROUP - self.held.len()).min(rest.len());
            let (head, tail) = rest.split_at(missing);
            self.held.extend_from_slice(head);
            if self.held.len() < GROUP {
                return Ok(decoded);
            }
            append(&self.held, &mut decoded)?;
            self.held.clear();
            rest = tail;
        }
        let (groups, rest) = rest.split_at(rest.len() - rest.len() % GROUP);
        append(groups, &mut decoded)?;
        self.held.extend_from_slice(rest);
        Ok(decoded)
    }

    /// The last bytes.
    ///
    /// # Errors
    /// [`Error::Truncated`] for a text that stops within its prefix or within a group.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        if self.begun { decode(&self.held) } else { strip_prefix(&self.held).map(<[u8]>::to_vec) }
    }
}

fn append(groups: &[u8], decoded: &mut Vec<u8>) -> Result<(), Error> {
    match URL_SAFE_NO_PAD.decode_append(groups, decoded) {
        Ok(_) => Ok(()),
        // Which of its errors that is, is told in one place.
        Err(_) => decode(groups).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::error::{Defect, Truncation};

    fn in_pieces(text: &[u8], length: usize) -> Result<Vec<u8>, Error> {
        let (mut decoder, mut binary) = (TextDecoder::new(), Vec::new());
        for piece in text.chunks(length) {
            binary.extend(decoder.decode(piece)?);
        }
        binary.extend(decoder.finish()?);
        Ok(binary)
    }

    #[test]
    fn pieces_of_any_length_decode_as_the_whole() {
        let bytes: Vec<u8> = (0..=255).collect();
        for size in 0..40 {
            let text = [TEXT_PREFIX, URL_SAFE_NO_PAD.encode_to_string(&bytes[..size]).as_bytes()].concat();
            for length in 1..=text.len() {
                assert_eq!(in_pieces(&text, length).unwrap(), &bytes[..size], "{size} in pieces of {length}");
            }
        }
    }

    #[test]
    fn what_is_no_text_form_is_told_as_of_the_whole() {
        for (text, error) in [
            (&b""[..], Error::NotAnEnvelope),
            (b"cape:2", Truncation::Text.into()),
            (b"cope:2:AAAA", Error::NotAnEnvelope),
            (b"cape:AAAAAAAA", Error::UnsupportedVersion { version: 1 }),
            (b"cape:3:AAAA", Error::UnsupportedVersion { version: 3 }),
            (b"cape:2:AAAAA", Truncation::Text.into()),
            (b"cape:2:AAAA=AAA", Defect::Text.into()),
            (b"cape:2:AAAA\nAAA", Defect::Text.into()),
            (b"cape:2:AAAAAB", Truncation::Text.into()),
        ] {
            for length in 1..=text.len().max(1) {
                assert_eq!(in_pieces(text, length), Err(error.clone()), "{:?}", str::from_utf8(text));
            }
        }
    }
}
