//! Version 1, the form of the first system: `cape:` and, in base64 with padding, an AES-256 key wrapped
//! with RSA-OAEP, a nonce, and the plaintext sealed with AES-GCM in one piece
//! (`docs/spec/envelope.md`, version 1).

use base64_simd::STANDARD;

use super::allocation::{joined, room_for};
use super::error::{Defect, Error, Truncation};
use super::key::{PrivateKey, PrivateMaterial, PublicKey, PublicMaterial};
use super::rsa::{MODULUS_LENGTHS, RsaPrivateKey};
use super::stanza::FileKey;
use super::text::TEXT_MARK;
use crate::Randomness;
use crate::crypto::provider::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

const NONCE_LENGTH: usize = 12;
const TAG_LENGTH: usize = 16;

/// Seals in the form of version 1, for what reads no other; the text form, which is its only one.
/// Prefer [`seal_text`](super::seal_text): this form has no post-quantum protection, no context, and no
/// rules for its use, and enclaves do not open it.
///
/// # Errors
/// [`Error::KeyInvalid`] for a key that is not of RSA; [`Error::TooLong`] for more than 64 GiB;
/// [`Error::NoMemory`].
pub fn seal_version_one(
    plaintext: &[u8],
    recipient: &PublicKey,
    rng: &mut dyn Randomness,
) -> Result<Vec<u8>, Error> {
    let PublicMaterial::Rsa(rsa) = recipient.material() else {
        return Err(Error::KeyInvalid {
            kind: recipient.key_type().name(),
            rule: "envelopes of version 1 are sealed for RSA keys",
        });
    };
    let key = FileKey::random(rng);
    let mut nonce = [0; NONCE_LENGTH];
    rng.fill_bytes(&mut nonce);
    let wrapped = rsa.encrypt(&key)?;
    let mut sealed = joined(&[&wrapped, &nonce, plaintext, &[0; TAG_LENGTH]])?;
    let (_, place) = sealed.split_at_mut(wrapped.len() + NONCE_LENGTH);
    let (place, tag_place) = place.split_at_mut(plaintext.len());
    let tag = aead(&key)?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), place)
        .map_err(|_| Error::TooLong)?;
    tag_place.copy_from_slice(tag.as_ref());
    let mut text = room_for(TEXT_MARK.len() + STANDARD.encoded_length(sealed.len()))?;
    text.extend(TEXT_MARK);
    STANDARD.encode_append(&sealed, &mut text);
    Ok(text)
}

/// Opens what follows [`TEXT_MARK`], with whichever of the keys opens it. It binds no external data.
///
/// # Errors
/// [`Error::VersionOneWantsRsa`] without an RSA key; [`Error::Malformed`] for what is not base64;
/// [`Error::Truncated`] when it is too short for any of the keys; else [`Error::DecryptFailed`].
pub(super) fn open(encoded: &[u8], keys: &[&PrivateKey], aad: &[u8]) -> Result<Vec<u8>, Error> {
    let keys: Vec<_> = keys.iter().filter_map(|key| rsa_key(key)).collect();
    if keys.is_empty() {
        return Err(Error::VersionOneWantsRsa);
    }
    let mut binary = room_for(STANDARD.decoded_length(encoded).map_err(|_| Defect::Text)?)?;
    STANDARD.decode_append(encoded, &mut binary).map_err(|_| Defect::Text)?;
    let shortest = keys.iter().map(|key| key.modulus_length()).min().unwrap_or_default();
    if binary.len() < shortest + NONCE_LENGTH + TAG_LENGTH {
        return Err(Truncation::VersionOne.into());
    }
    if !aad.is_empty() {
        return Err(Error::DecryptFailed);
    }
    let (key, wrapped) = keys
        .iter()
        .find_map(|key| {
            let wrapped = binary.get(..key.modulus_length())?;
            Some((key.decrypt(wrapped)?, wrapped.len()))
        })
        .ok_or(Error::DecryptFailed)?;
    let (_, sealed) = binary.split_at_mut(wrapped);
    let (nonce, sealed) = sealed.split_first_chunk_mut::<NONCE_LENGTH>().ok_or(Error::DecryptFailed)?;
    let length = aead(&key)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), sealed)
        .map_err(|_| Error::DecryptFailed)?
        .len();
    binary.drain(..wrapped + NONCE_LENGTH);
    binary.truncate(length);
    Ok(binary)
}

/// How many bytes the text stands for, which is whole: one for the shortest key and no plaintext, or
/// longer.
///
/// # Errors
/// [`Error::Malformed`] for what is not base64, [`Error::Truncated`].
pub(super) fn decoded_length(encoded: &[u8]) -> Result<usize, Error> {
    STANDARD.check(encoded).map_err(|_| Defect::Text)?;
    match STANDARD.decoded_length(encoded).map_err(|_| Defect::Text)? {
        length if length < MODULUS_LENGTHS.start() + NONCE_LENGTH + TAG_LENGTH => {
            Err(Truncation::VersionOne.into())
        }
        length => Ok(length),
    }
}

fn rsa_key(key: &PrivateKey) -> Option<&RsaPrivateKey> {
    match key.material() {
        PrivateMaterial::Rsa(key) => Some(key),
        PrivateMaterial::Hpke(_) => None,
    }
}

fn aead(key: &FileKey) -> Result<LessSafeKey, Error> {
    UnboundKey::new(&AES_256_GCM, key.expose()).map(LessSafeKey::new).map_err(|_| Error::DecryptFailed)
}
