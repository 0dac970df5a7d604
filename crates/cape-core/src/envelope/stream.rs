//! Envelopes that are longer than memory: what comes before their chunks. The chunks themselves are
//! sealed by [`PayloadSealer`], window by window, and opened by [`PayloadOpener`] in their order or by
//! [`RandomAccess`](super::RandomAccess) in any.

use super::context::Context;
use super::error::Error;
use super::header::{ReadHeader, Start, copy_head, payload_context, write_header};
use super::key::{PrivateKey, PublicKey};
use super::payload::{PREFIX_LENGTH, PayloadOpener, PayloadSealer};
use super::seal::SealOptions;
use super::stanza::FileKey;
use super::text::TEXT_MARK;
use crate::Randomness;

/// Everything before the chunks, which is to be written first, and what seals these.
///
/// # Errors
/// Those of [`seal`](super::seal()).
pub fn begin_seal(
    recipients: &[&PublicKey],
    context: &Context,
    aad: &[u8],
    options: SealOptions,
    rng: &mut dyn Randomness,
) -> Result<(Vec<u8>, PayloadSealer), Error> {
    let file_key = FileKey::random(rng);
    let mut head = write_header(&file_key, recipients, context, options, rng)?;
    let payload_context = payload_context(options.suite, context, aad);
    let (sealer, prefix) = PayloadSealer::new(options.suite, &file_key, &payload_context, rng)?;
    head.extend(prefix);
    Ok((head, sealer.with_threads(options.threads)))
}

/// Bytes before the chunks of an envelope in binary form: its header, the salt and the commitment.
/// Of the envelope the first [`START_LENGTH`](super::START_LENGTH) bytes are wanted.
///
/// # Errors
/// [`Error::TextForm`], [`Error::Truncated`], and the errors of form that can be told so early.
pub fn head_length(start: &[u8]) -> Result<usize, Error> {
    Ok(header_length(start)? + PREFIX_LENGTH)
}

/// As [`head_length`], but of the header alone.
///
/// # Errors
/// Those of [`head_length`].
pub fn header_length(start: &[u8]) -> Result<usize, Error> {
    if start.starts_with(TEXT_MARK) {
        return Err(Error::TextForm);
    }
    Ok(Start::read(start)?.header_length)
}

/// The encryption context, which is authentic, and what opens the chunks. `head` is everything before
/// these, or as much of that as there is.
///
/// # Errors
/// Those of [`open`](super::open()), but [`Error::ChunkAltered`]; that the last chunk is missing is told
/// at the end.
pub fn begin_open(head: &[u8], keys: &[&PrivateKey], aad: &[u8]) -> Result<(Context, PayloadOpener), Error> {
    let head = copy_head(head, PREFIX_LENGTH)?;
    let header = ReadHeader::read(&head)?;
    let file_key = header.unwrap(keys)?;
    let prefix = head.get(header.length..).unwrap_or_default();
    let opener = header.payload_opener(&file_key, aad, prefix)?;
    Ok((header.context, opener))
}
