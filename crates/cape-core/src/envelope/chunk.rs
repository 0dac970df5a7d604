use super::error::Error;
use super::suite::Suite;
use crate::crypto::provider::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use crate::crypto::provider::error::Unspecified;

/// Bytes of a key; every suite's AEAD takes the same.
pub(super) const KEY_LENGTH: usize = 32;
/// Bytes of a nonce.
pub(super) const NONCE_LENGTH: usize = 12;
/// Bytes of the tag that ends each sealed chunk.
pub(super) const TAG_LENGTH: usize = 16;

/// Seals and opens single chunks of one payload. Each index must be sealed once only; the nonce is
/// the base nonce XOR the index (C2SP chunked-encryption, "AEAD usage").
pub(super) struct ChunkCipher {
    key: LessSafeKey,
    base_nonce: [u8; NONCE_LENGTH],
    copies: bool,
}

impl ChunkCipher {
    /// Takes a key of [`KEY_LENGTH`] bytes.
    pub(super) fn new(suite: Suite, key: &[u8], base_nonce: [u8; NONCE_LENGTH]) -> Result<Self, Error> {
        let key = UnboundKey::new(suite.algorithm(), key)
            .map_err(|_| Error::KeyInvalid { kind: suite.iana_name(), rule: "it has 32 bytes" })?;
        Ok(Self { key: LessSafeKey::new(key), base_nonce, copies: false })
    }

    /// Opens copies of ciphertexts. AWS-LC, where the processor has no AVX-512, reads a ciphertext
    /// twice, for its tag and for the plaintext: in a file that is mapped into memory, it can be
    /// another one the second time, and a plaintext come out that nobody sealed. This was observed.
    pub(super) fn set_copying(&mut self) {
        self.copies = true;
    }

    /// Writes ciphertext and tag; `sealed` is [`TAG_LENGTH`] longer than `plaintext`.
    pub(super) fn seal(&self, index: u64, plaintext: &[u8], sealed: &mut [u8]) -> Result<(), Error> {
        let (ciphertext, tag) = sealed.split_at_mut_checked(plaintext.len()).ok_or(Error::TooLong)?;
        seal_separate(&self.key, self.nonce(index), plaintext, ciphertext, tag).map_err(|_| Error::TooLong)
    }

    /// Writes the plaintext, which is [`TAG_LENGTH`] shorter than `sealed`, or wipes its place.
    ///
    /// # Errors
    /// [`Error::ChunkAltered`].
    pub(super) fn open(&self, index: u64, sealed: &[u8], plaintext: &mut [u8]) -> Result<(), Error> {
        let altered = Error::ChunkAltered { index };
        let Some((ciphertext, tag)) = sealed.split_at_checked(plaintext.len()) else { return Err(altered) };
        let open = if self.copies { open_copied } else { open_separate };
        open(&self.key, self.nonce(index), ciphertext, tag, plaintext).map_err(|_| {
            plaintext.fill(0);
            altered
        })
    }

    fn nonce(&self, index: u64) -> Nonce {
        let mut nonce = self.base_nonce;
        nonce.iter_mut().rev().zip(index.to_le_bytes()).for_each(|(byte, count)| *byte ^= count);
        Nonce::assume_unique_for_key(nonce)
    }
}

#[cfg(feature = "aws-lc")]
fn seal_separate(
    key: &LessSafeKey,
    nonce: Nonce,
    plaintext: &[u8],
    ciphertext: &mut [u8],
    tag: &mut [u8],
) -> Result<(), Unspecified> {
    key.seal_out_of_place_scatter(nonce, Aad::empty(), plaintext, ciphertext, &[], tag)
}

#[cfg(feature = "aws-lc")]
fn open_separate(
    key: &LessSafeKey,
    nonce: Nonce,
    ciphertext: &[u8],
    tag: &[u8],
    plaintext: &mut [u8],
) -> Result<(), Unspecified> {
    key.open_separate_gather(nonce, Aad::empty(), ciphertext, tag, plaintext)
}

/// ring works in place only; the copy of a chunk stays within the first-level cache.
#[cfg(not(feature = "aws-lc"))]
fn seal_separate(
    key: &LessSafeKey,
    nonce: Nonce,
    plaintext: &[u8],
    ciphertext: &mut [u8],
    tag: &mut [u8],
) -> Result<(), Unspecified> {
    let tag: &mut [u8; TAG_LENGTH] = tag.try_into().map_err(|_| Unspecified)?;
    ciphertext.copy_from_slice(plaintext);
    let sealed = key.seal_in_place_separate_tag(nonce, Aad::empty(), ciphertext)?;
    *tag = sealed.as_ref().try_into().map_err(|_| Unspecified)?;
    Ok(())
}

/// ring works in place only.
#[cfg(not(feature = "aws-lc"))]
use open_copied as open_separate;

/// Copies the ciphertext to where the plaintext will be, and opens it there; the copy of a chunk stays
/// within the first-level cache.
fn open_copied(
    key: &LessSafeKey,
    nonce: Nonce,
    ciphertext: &[u8],
    tag: &[u8],
    plaintext: &mut [u8],
) -> Result<(), Unspecified> {
    plaintext.copy_from_slice(ciphertext);
    open_in_place(key, nonce, tag, plaintext)
}

#[cfg(feature = "aws-lc")]
fn open_in_place(key: &LessSafeKey, nonce: Nonce, tag: &[u8], place: &mut [u8]) -> Result<(), Unspecified> {
    key.open_in_place_separate_tag(nonce, Aad::empty(), tag, place).map(|_| ())
}

#[cfg(not(feature = "aws-lc"))]
fn open_in_place(key: &LessSafeKey, nonce: Nonce, tag: &[u8], place: &mut [u8]) -> Result<(), Unspecified> {
    let tag: [u8; TAG_LENGTH] = tag.try_into().map_err(|_| Unspecified)?;
    key.open_in_place_separate_tag(nonce, Aad::empty(), tag.into(), place, 0..).map(|_| ())
}
