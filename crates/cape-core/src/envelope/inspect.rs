use super::context::Context;
use super::error::Error;
use super::header::{MAX_HEADER_LENGTH, ReadHeader, VERSION, copy_head};
use super::key_id::{KeyId, KeyType};
use super::payload::plaintext_length;
use super::suite::Suite;
use super::text::{self, Encoded, TEXT_MARK};
use super::version_one;

/// What an envelope says of itself to everyone. **Nothing in it is authenticated.**
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the format.
    pub version: u8,
    /// The AEAD of the payload.
    pub suite: Suite,
    /// The recipients, in the header's order; version 1 has one, of RSA, who is not told.
    pub stanzas: Vec<Stanza>,
    /// The encryption context.
    pub context: Context,
    /// Bytes of the header, its MAC included; version 1 has none.
    pub header_length: Option<usize>,
    /// Bytes of the binary form.
    pub sealed_length: usize,
    /// Bytes of the plaintext; of version 1 only who has the key knows, by the length of its modulus;
    /// of a start it is not told.
    pub plaintext_length: Option<usize>,
}

/// One recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stanza {
    /// The number of its key's type; [`KeyType::from_id`](super::KeyType::from_id) knows ours.
    pub key_type: u16,
    /// Its key id, or [`KeyId::ANONYMOUS`].
    pub key_id: KeyId,
}

/// Reads the header of an envelope in text or binary form, without any key; of the text form no more
/// than the header is decoded.
///
/// # Errors
/// Those of form that [`open`](super::open) returns.
pub fn inspect(sealed: &[u8]) -> Result<Header, Error> {
    let mut header = read(sealed)?;
    if let Some(length) = header.header_length {
        header.plaintext_length = Some(plaintext_length(header.sealed_length.saturating_sub(length))?);
    }
    Ok(header)
}

/// Reads the header that an envelope begins with, of which more follows than is there: how long the rest is
/// says nothing, and so [`Header::plaintext_length`] is not told, and [`Header::sealed_length`] is of what is
/// there.
///
/// # Errors
/// Those of form that [`open`](super::open) returns for a header; [`Error::Truncated`] when it is not whole.
pub fn inspect_start(start: &[u8]) -> Result<Header, Error> {
    // A text form may be cut within a group.
    let cut = match text::read_prefix(start) {
        Ok(Encoded::VersionOne(encoded) | Encoded::VersionTwo(encoded)) => encoded.len() % 4,
        Err(_) => 0,
    };
    read(start.get(..start.len() - cut).unwrap_or(start))
}

/// What the header says, and how many bytes there are.
fn read(sealed: &[u8]) -> Result<Header, Error> {
    let (start, sealed_length) = if sealed.starts_with(TEXT_MARK) {
        let encoded = match text::read_prefix(sealed)? {
            Encoded::VersionTwo(encoded) => encoded,
            Encoded::VersionOne(encoded) => return inspect_version_one(encoded),
        };
        // Whole groups, as many as the longest header takes.
        let start = encoded.get(..MAX_HEADER_LENGTH.div_ceil(3) * 4).unwrap_or(encoded);
        (text::decode(start)?, text::decoded_length(encoded.len())?)
    } else {
        (copy_head(sealed, 0)?, sealed.len())
    };
    let header = ReadHeader::read(&start)?;
    Ok(Header {
        version: VERSION,
        suite: header.suite,
        stanzas: header
            .stanzas
            .iter()
            .map(|stanza| Stanza { key_type: stanza.key_type, key_id: stanza.key_id })
            .collect(),
        header_length: Some(header.length),
        sealed_length,
        plaintext_length: None,
        context: header.context,
    })
}

fn inspect_version_one(encoded: &[u8]) -> Result<Header, Error> {
    Ok(Header {
        version: 1,
        suite: Suite::Aes256Gcm,
        stanzas: vec![Stanza { key_type: KeyType::Rsa.id(), key_id: KeyId::ANONYMOUS }],
        context: Context::empty(),
        header_length: None,
        sealed_length: version_one::decoded_length(encoded)?,
        plaintext_length: None,
    })
}
