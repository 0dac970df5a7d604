//! The header: written for recipients, and read within limits before any public-key operation.

use super::context::{Context, MAX_CONTEXT_LENGTH};
use super::error::{Defect, Error, Truncation};
use super::key::PublicKey;
use super::seal::SealOptions;
use super::stanza::{self, FileKey, Preamble, Stanza};
use super::suite::Suite;
use crate::Randomness;
use crate::crypto::{constant_time_eq, hkdf_sha512_expand, hmac_sha256, sha256};

/// Recipients that an envelope may have.
pub const MAX_RECIPIENTS: usize = 32;
/// Recipients of an envelope that may be anonymous.
pub const MAX_ANONYMOUS: usize = 4;
/// Bytes that a header may have, its MAC included.
pub(super) const MAX_HEADER_LENGTH: usize = 65_536;
/// The version of the format, which header and text form name.
pub(super) const VERSION: u8 = 2;

const MAGIC: [u8; 4] = *b"CAPE";
/// Bytes of the fixed part, before the encryption context: enough to tell how long the header is.
pub const START_LENGTH: usize = 16;
const MAC_LENGTH: usize = 32;

/// Bytes of the header for these recipients.
///
/// # Errors
/// [`Error::Malformed`] for no recipient or too many, [`Error::DuplicateRecipient`].
pub(super) fn header_length(recipients: &[&PublicKey], context: &Context) -> Result<usize, Error> {
    if !(1..=MAX_RECIPIENTS).contains(&recipients.len()) {
        return Err(Defect::RecipientCount(recipients.len()).into());
    }
    let mut seen = Vec::with_capacity(recipients.len());
    for recipient in recipients {
        let name = (recipient.key_type(), recipient.key_id());
        if seen.contains(&name) {
            return Err(Error::DuplicateRecipient { key_id: name.1 });
        }
        seen.push(name);
    }
    let stanzas: usize = recipients.iter().map(|recipient| stanza::stanza_length(recipient)).sum();
    Ok(START_LENGTH + context.as_bytes().len() + stanzas + MAC_LENGTH)
}

/// Writes the header that wraps a file key for the recipients.
pub(super) fn write_header(
    file_key: &FileKey,
    recipients: &[&PublicKey],
    context: &Context,
    options: SealOptions,
    rng: &mut dyn Randomness,
) -> Result<Vec<u8>, Error> {
    header_length(recipients, context)?;
    if options.anonymous && recipients.len() > MAX_ANONYMOUS {
        return Err(Defect::AnonymousCount(recipients.len()).into());
    }
    let preamble = preamble(options.suite);
    let stanzas = recipients
        .iter()
        .map(|recipient| stanza::wrap(file_key, recipient, options.anonymous, &preamble, rng))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(assemble(file_key, options.suite, context, &stanzas)?)
}

/// The header of these stanzas, whose number is right.
///
/// # Errors
/// [`Defect::HeaderLength`] when it would be longer than [`MAX_HEADER_LENGTH`].
pub(super) fn assemble(
    file_key: &FileKey,
    suite: Suite,
    context: &Context,
    stanzas: &[Vec<u8>],
) -> Result<Vec<u8>, Defect> {
    let context = context.as_bytes();
    let length = START_LENGTH + context.len() + stanzas.iter().map(Vec::len).sum::<usize>() + MAC_LENGTH;
    if length > MAX_HEADER_LENGTH {
        return Err(Defect::HeaderLength(length));
    }
    let too_long = |_| Defect::HeaderLength(length);
    let mut header = Vec::with_capacity(length);
    header.extend(preamble(suite));
    for number in [stanzas.len(), context.len()] {
        header.extend(u16::try_from(number).map_err(too_long)?.to_be_bytes());
    }
    header.extend(u32::try_from(length).map_err(too_long)?.to_be_bytes());
    header.extend(context);
    stanzas.iter().for_each(|stanza| header.extend(stanza));
    header.extend(mac(file_key, &header));
    Ok(header)
}

/// What binds a payload to this header's suite and encryption context, and to data that is not in the
/// envelope at all.
pub(super) fn payload_context(suite: Suite, context: &Context, aad: &[u8]) -> Vec<u8> {
    let digests = [sha256(&[context.as_bytes()]), sha256(&[aad])];
    [b"cape/2".as_slice(), &preamble(suite), digests.as_flattened()].concat()
}

/// The header that `sealed` begins with, and so many bytes after it, or as many as there are; for
/// whoever writes a header anew, or opens what comes after it. An envelope may lie in a mapped file that
/// others write to: of a copy, what is judged is what is used.
///
/// # Errors
/// Those of [`ReadHeader::read`] that can be told so early.
pub(super) fn copy_head(sealed: &[u8], more: usize) -> Result<Vec<u8>, Error> {
    let length = Start::read(sealed)?.header_length + more;
    Ok(sealed.get(..length).unwrap_or(sealed).to_vec())
}

/// A header that keeps all rules of form. Nothing in it is authentic before [`ReadHeader::verify`].
pub(super) struct ReadHeader<'a> {
    pub(super) suite: Suite,
    pub(super) context: Context,
    pub(super) stanzas: Vec<Stanza<'a>>,
    pub(super) length: usize,
    authenticated: &'a [u8],
    mac: &'a [u8; MAC_LENGTH],
}

impl<'a> ReadHeader<'a> {
    /// Reads the header that `sealed` begins with.
    ///
    /// # Errors
    /// [`Error::NotAnEnvelope`], [`Error::UnsupportedVersion`], [`Error::UnsupportedSuite`],
    /// [`Error::UnsupportedFlags`], [`Error::Malformed`] and [`Error::Truncated`].
    pub(super) fn read(sealed: &'a [u8]) -> Result<Self, Error> {
        let start = Start::read(sealed)?;
        let header = sealed.get(..start.header_length).ok_or(Truncation::Header)?;
        let too_small = || Defect::HeaderLength(start.header_length);
        let (authenticated, mac) = header.split_last_chunk().ok_or_else(too_small)?;
        let (_, rest) = authenticated.split_at_checked(START_LENGTH).ok_or_else(too_small)?;
        let (context, stanzas) = rest.split_at_checked(start.context_length).ok_or_else(too_small)?;
        Ok(Self {
            suite: start.suite,
            context: Context::from_bytes(context)?,
            stanzas: read_stanzas(stanzas, start.recipients)?,
            length: header.len(),
            authenticated,
            mac,
        })
    }

    /// What stanzas are bound to.
    pub(super) fn preamble(&self) -> Preamble {
        preamble(self.suite)
    }

    /// Whether the header is as the one who drew the file key wrote it.
    pub(super) fn verify(&self, file_key: &FileKey) -> bool {
        constant_time_eq(self.mac, &mac(file_key, self.authenticated))
    }
}

/// The fixed part.
pub(super) struct Start {
    suite: Suite,
    recipients: usize,
    context_length: usize,
    pub(super) header_length: usize,
}

impl Start {
    pub(super) fn read(sealed: &[u8]) -> Result<Self, Error> {
        let rest = sealed.strip_prefix(&MAGIC).ok_or(Error::NotAnEnvelope)?;
        // Named before anything else is read: another version may have another form.
        match rest.first() {
            None => return Err(Truncation::Header.into()),
            Some(&VERSION) => {}
            Some(&version) => return Err(Error::UnsupportedVersion { version: version.into() }),
        }
        let start: &[u8; START_LENGTH] = sealed.first_chunk().ok_or(Truncation::Header)?;
        let [_, _, _, _, _, suite, f1, f2, n1, n2, l1, l2, h1, h2, h3, h4] = *start;
        let suite = Suite::from_id(suite).ok_or(Error::UnsupportedSuite { suite })?;
        let flags = u16::from_be_bytes([f1, f2]);
        if flags != 0 {
            return Err(Error::UnsupportedFlags { flags });
        }
        let recipients = u16::from_be_bytes([n1, n2]).into();
        if !(1..=MAX_RECIPIENTS).contains(&recipients) {
            return Err(Defect::RecipientCount(recipients).into());
        }
        let context_length = u16::from_be_bytes([l1, l2]).into();
        if context_length > MAX_CONTEXT_LENGTH {
            return Err(Defect::ContextLength(context_length).into());
        }
        let header_length = usize::try_from(u32::from_be_bytes([h1, h2, h3, h4])).unwrap_or(usize::MAX);
        let shortest = START_LENGTH + context_length + MAC_LENGTH;
        if !(shortest..=MAX_HEADER_LENGTH).contains(&header_length) {
            return Err(Defect::HeaderLength(header_length).into());
        }
        Ok(Self { suite, recipients, context_length, header_length })
    }
}

/// Exactly `count` stanzas, of which no two have the same type and key id, and at most
/// [`MAX_ANONYMOUS`] tell no key id.
fn read_stanzas(mut bytes: &[u8], count: usize) -> Result<Vec<Stanza<'_>>, Defect> {
    let mut stanzas: Vec<Stanza<'_>> = Vec::with_capacity(count);
    for _ in 0..count {
        let (stanza, rest) = Stanza::read(bytes)?;
        let is_same = |other: &Stanza<'_>| (other.key_type, other.key_id) == (stanza.key_type, stanza.key_id);
        if !stanza.key_id.is_anonymous() && stanzas.iter().any(is_same) {
            return Err(Defect::DuplicateStanza(stanza.key_id));
        }
        stanzas.push(stanza);
        bytes = rest;
    }
    if !bytes.is_empty() {
        return Err(Defect::StanzaSurplus(bytes.len()));
    }
    match stanzas.iter().filter(|stanza| stanza.key_id.is_anonymous()).count() {
        0..=MAX_ANONYMOUS => Ok(stanzas),
        count => Err(Defect::AnonymousCount(count)),
    }
}

fn preamble(suite: Suite) -> Preamble {
    let [m1, m2, m3, m4] = MAGIC;
    [m1, m2, m3, m4, VERSION, suite.id(), 0, 0]
}

fn mac(file_key: &FileKey, authenticated: &[u8]) -> [u8; MAC_LENGTH] {
    let key = hkdf_sha512_expand::<32>(file_key.expose(), &[b"cape/2 header mac"]);
    hmac_sha256(key.expose(), &[authenticated])
}
