use super::allocation::zeroed;
use super::chunk::TAG_LENGTH;
use super::context::Context;
use super::error::Error;
use super::header::header_length;
use super::key::PublicKey;
use super::payload::{CHUNK_LENGTH, SEALED_CHUNK_LENGTH, payload_length, sized};
use super::stream::begin_seal;
use super::suite::Suite;
use super::text::{TEXT_WINDOW_CHUNKS, TextPieces, text_length};
use crate::Randomness;

/// How an envelope is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealOptions {
    /// The AEAD of the payload.
    pub suite: Suite,
    /// Recipients are not told, at most [`MAX_ANONYMOUS`](super::MAX_ANONYMOUS); who opens must try.
    pub anonymous: bool,
    /// Threads that may seal chunks at the same time, where there are enough of them for that to pay.
    pub threads: usize,
}

impl Default for SealOptions {
    fn default() -> Self {
        Self { suite: Suite::default(), anonymous: false, threads: 1 }
    }
}

/// Seals `plaintext` for each of the recipients; returns the binary form.
///
/// `context` is public and authenticated. `aad` is not in the envelope: who opens it must have the same.
///
/// # Errors
/// [`Error::Malformed`] for no recipient or too many, [`Error::DuplicateRecipient`],
/// [`Error::KeyInvalid`], [`Error::TooLong`], [`Error::NoMemory`].
pub fn seal(
    plaintext: &[u8],
    recipients: &[&PublicKey],
    context: &Context,
    aad: &[u8],
    options: SealOptions,
    rng: &mut dyn Randomness,
) -> Result<Vec<u8>, Error> {
    let mut sealed = zeroed(sealed_size(plaintext.len(), recipients, context)?)?;
    seal_into(plaintext, recipients, context, aad, options, &mut sealed, rng)?;
    Ok(sealed)
}

/// Seals into a buffer of at least [`sealed_size`] bytes; returns the bytes written.
///
/// # Errors
/// [`Error::BufferTooSmall`], and those of [`seal`].
pub fn seal_into(
    plaintext: &[u8],
    recipients: &[&PublicKey],
    context: &Context,
    aad: &[u8],
    options: SealOptions,
    output: &mut [u8],
    rng: &mut dyn Randomness,
) -> Result<usize, Error> {
    let output = sized(output, sealed_size(plaintext.len(), recipients, context)?)?;
    let (head, sealer) = begin_seal(recipients, context, aad, options, rng)?;
    let (start, chunks) = output.split_at_mut_checked(head.len()).ok_or(Error::TooLong)?;
    start.copy_from_slice(&head);
    Ok(head.len() + sealer.seal_last(plaintext, chunks)?)
}

/// Seals as [`seal`] does; returns the text form.
///
/// # Errors
/// Those of [`seal`].
pub fn seal_text(
    plaintext: &[u8],
    recipients: &[&PublicKey],
    context: &Context,
    aad: &[u8],
    options: SealOptions,
    rng: &mut dyn Randomness,
) -> Result<String, Error> {
    let mut text = zeroed(sealed_text_size(plaintext.len(), recipients, context)?)?;
    seal_text_into(plaintext, recipients, context, aad, options, &mut text, rng)?;
    // Cannot fail: the text is ASCII.
    String::from_utf8(text).map_err(|_| Error::TooLong)
}

/// Seals the text form, ASCII, into a buffer of at least [`sealed_text_size`] bytes; returns the bytes
/// written.
///
/// # Errors
/// [`Error::BufferTooSmall`], and those of [`seal`].
pub fn seal_text_into(
    plaintext: &[u8],
    recipients: &[&PublicKey],
    context: &Context,
    aad: &[u8],
    options: SealOptions,
    output: &mut [u8],
    rng: &mut dyn Randomness,
) -> Result<usize, Error> {
    let output = sized(output, sealed_text_size(plaintext.len(), recipients, context)?)?;
    let (head, mut sealer) = begin_seal(recipients, context, aad, options, rng)?;
    let (chunks, last) = plaintext.as_chunks::<CHUNK_LENGTH>();
    let windows = chunks.chunks(TEXT_WINDOW_CHUNKS).map(|window| window.len() * SEALED_CHUNK_LENGTH);
    let sealed_last = last.len() + TAG_LENGTH;
    let written = output.len();
    let lengths = [head.len()].into_iter().chain(windows).chain([sealed_last]);
    let mut text = TextPieces::new(output, lengths)?;
    let [first, middle @ .., end] = text.pieces.as_mut_slice() else { return Err(Error::TooLong) };
    first.write(&head)?;
    sealer.seal_windows(chunks, TEXT_WINDOW_CHUNKS, middle, |sealed, piece| piece.write(sealed))?;
    let mut place = [0; SEALED_CHUNK_LENGTH];
    let place = sized(&mut place, sealed_last)?;
    sealer.seal_last(last, place)?;
    end.write(place)?;
    text.finish();
    Ok(written)
}

/// Bytes of the binary form.
///
/// # Errors
/// [`Error::Malformed`] for no recipient or too many, [`Error::DuplicateRecipient`],
/// [`Error::TooLong`].
pub fn sealed_size(
    plaintext_length: usize,
    recipients: &[&PublicKey],
    context: &Context,
) -> Result<usize, Error> {
    let header = header_length(recipients, context)?;
    payload_length(plaintext_length).and_then(|payload| payload.checked_add(header)).ok_or(Error::TooLong)
}

/// Bytes of the text form.
///
/// # Errors
/// Those of [`sealed_size`].
pub fn sealed_text_size(
    plaintext_length: usize,
    recipients: &[&PublicKey],
    context: &Context,
) -> Result<usize, Error> {
    text_length(sealed_size(plaintext_length, recipients, context)?).ok_or(Error::TooLong)
}
