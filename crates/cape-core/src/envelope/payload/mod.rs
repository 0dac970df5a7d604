//! The payload: C2SP chunked-encryption, the instance Cobblestone-256 (and the same with
//! ChaCha20-Poly1305).
//!
//! One HKDF-Expand gives key, base nonce and commitment; chunks of 16 KiB follow, of which the last is
//! always shorter, empty if need be, so that an end cannot be feigned. Both directions work on windows
//! of the caller's own buffers, in constant memory.

mod opener;
mod sealer;
#[cfg(test)]
mod tests;

use super::chunk::{ChunkCipher, KEY_LENGTH, NONCE_LENGTH, TAG_LENGTH};
use super::error::{Error, Truncation};
use super::parallel::{self, CHUNKS_PER_THREAD};
use super::suite::Suite;
use crate::crypto::{Secret, hkdf_sha512_expand};

pub use opener::PayloadOpener;
pub use sealer::PayloadSealer;

/// Plaintext bytes of every chunk but the last, which has fewer.
pub const CHUNK_LENGTH: usize = 16_384;
/// Bytes of a sealed chunk that is not the last.
pub const SEALED_CHUNK_LENGTH: usize = CHUNK_LENGTH + TAG_LENGTH;
/// Bytes before the chunks: a salt of 24 and a commitment of 32.
pub const PREFIX_LENGTH: usize = SALT_LENGTH + COMMITMENT_LENGTH;

const SALT_LENGTH: usize = 24;
const COMMITMENT_LENGTH: usize = 32;
const DERIVED_LENGTH: usize = KEY_LENGTH + NONCE_LENGTH + COMMITMENT_LENGTH;
/// A payload has at most this many chunks (C2SP chunked-encryption, "Message chunking").
pub(super) const MAX_CHUNKS: u64 = 1 << 38;

/// Bytes of the payload that holds `plaintext` bytes, salt and commitment included; `None` when that
/// is more than memory can hold.
pub const fn payload_length(plaintext: usize) -> Option<usize> {
    let tags = (plaintext / CHUNK_LENGTH + 1) * TAG_LENGTH;
    match plaintext.checked_add(tags) {
        Some(length) => length.checked_add(PREFIX_LENGTH),
        None => None,
    }
}

/// Bytes of the plaintext that a payload of this length holds.
///
/// # Errors
/// [`Error::Truncated`] when no whole payload has this length.
pub const fn plaintext_length(payload: usize) -> Result<usize, Error> {
    let Some(chunks) = payload.checked_sub(PREFIX_LENGTH) else {
        return Err(Error::Truncated(Truncation::Commitment));
    };
    match (chunks % SEALED_CHUNK_LENGTH).checked_sub(TAG_LENGTH) {
        Some(last) => Ok(chunks / SEALED_CHUNK_LENGTH * CHUNK_LENGTH + last),
        None => Err(Error::Truncated(Truncation::LastChunk)),
    }
}

/// The chunks of one payload and the number of the next.
struct Chunks {
    cipher: ChunkCipher,
    next: u64,
    threads: usize,
}

impl Chunks {
    fn derive(
        suite: Suite,
        input_key: &Secret<32>,
        salt: &[u8],
        context: &[u8],
    ) -> Result<(Self, [u8; COMMITMENT_LENGTH]), Error> {
        let info: [&[u8]; 5] =
            [b"c2sp.org/chunked-encryption@v1+", suite.iana_name().as_bytes(), &[0], salt, context];
        let derived = hkdf_sha512_expand::<DERIVED_LENGTH>(input_key.expose(), &info);
        let (key, rest) = derived.expose().split_at(KEY_LENGTH);
        let (base_nonce, commitment) = rest.split_at(NONCE_LENGTH);
        let cipher = ChunkCipher::new(suite, key, array(base_nonce))?;
        Ok((Self { cipher, next: 0, threads: 1 }, array(commitment)))
    }

    fn seal_next(
        &mut self,
        plaintext: &[[u8; CHUNK_LENGTH]],
        sealed: &mut [[u8; SEALED_CHUNK_LENGTH]],
    ) -> Result<(), Error> {
        let first = self.take(plaintext.len())?;
        parallel::for_each(
            self.threads,
            CHUNKS_PER_THREAD,
            first,
            plaintext,
            sealed,
            |(): &mut (), index, chunk, place| self.cipher.seal(index, chunk, place),
        )
    }

    fn seal_last(&mut self, plaintext: &[u8], sealed: &mut [u8]) -> Result<(), Error> {
        let index = self.take(1)?;
        self.cipher.seal(index, plaintext, sealed)
    }

    fn open_next(
        &mut self,
        sealed: &[[u8; SEALED_CHUNK_LENGTH]],
        plaintext: &mut [[u8; CHUNK_LENGTH]],
    ) -> Result<(), Error> {
        let first = self.take(sealed.len())?;
        parallel::for_each(
            self.threads,
            CHUNKS_PER_THREAD,
            first,
            sealed,
            plaintext,
            |(): &mut (), index, chunk, place| self.cipher.open(index, chunk, place),
        )
    }

    fn open_last(&mut self, sealed: &[u8], plaintext: &mut [u8]) -> Result<(), Error> {
        let index = self.take(1)?;
        self.cipher.open(index, sealed, plaintext)
    }

    /// The number of the first of so many chunks, which are those that come next.
    fn take(&mut self, chunks: usize) -> Result<u64, Error> {
        let first = self.next;
        let end = u64::try_from(chunks).ok().and_then(|chunks| first.checked_add(chunks));
        self.next = end.filter(|end| *end <= MAX_CHUNKS).ok_or(Error::TooLong)?;
        Ok(first)
    }
}

/// Exactly the first `needed` bytes of a buffer.
pub(super) fn sized(buffer: &mut [u8], needed: usize) -> Result<&mut [u8], Error> {
    let actual = buffer.len();
    buffer.get_mut(..needed).ok_or(Error::BufferTooSmall { needed, actual })
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    array
}
