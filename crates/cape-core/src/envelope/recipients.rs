//! Recipients of an envelope that exists already. The header is written anew, and its payload stays as
//! it is: what binds a payload are the header's first eight bytes and the encryption context, which
//! stay the same.

use super::allocation::joined;
use super::error::{Defect, Error};
use super::header::{MAX_ANONYMOUS, MAX_RECIPIENTS, ReadHeader, assemble, copy_head};
use super::key::{PrivateKey, PublicKey};
use super::key_id::KeyId;
use super::stanza::{self, Stanza};
use super::text::{self, TEXT_MARK};
use crate::Randomness;

/// Which recipients an envelope loses, and then gains.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecipientChange<'a> {
    /// Key ids of those who are removed. **That is no revocation**: they have known the file key.
    pub remove: &'a [KeyId],
    /// Keys of those who are added; none that is there by its key id.
    pub add: &'a [&'a PublicKey],
    /// Whether those who are added are not told.
    pub anonymous: bool,
}

/// An envelope with other recipients, in the form that it has.
///
/// # Errors
/// Those of [`change_header`], and of [`open`](super::open()) that concern the text form.
pub fn change_recipients(
    sealed: &[u8],
    keys: &[&PrivateKey],
    change: RecipientChange<'_>,
    rng: &mut dyn Randomness,
) -> Result<Vec<u8>, Error> {
    let changed = |binary: &[u8], rng| {
        let head = copy_head(binary, 0)?;
        let header = changed_header(&head, keys, change, rng)?;
        let payload = binary.get(head.len()..).unwrap_or_default();
        joined(&[&header, payload])
    };
    if !sealed.starts_with(TEXT_MARK) {
        return changed(sealed, rng);
    }
    text::encode(&changed(&text::decode(text::strip_prefix(sealed)?)?, rng)?)
}

/// The header of an envelope with other recipients, by whoever has the private key of one of them.
/// `header` is the envelope's header or more of it, in binary form; the new one takes its place.
///
/// # Errors
/// [`Error::RecipientUnknown`] when there is none with a key id to remove; [`Error::DuplicateRecipient`]
/// when a key is there by its key id already, or is to be added twice (whether one of those who are not told
/// has it is not looked for); [`Error::ChangeRefused`] when nobody would be left, or more than
/// [`MAX_RECIPIENTS`], or more than [`MAX_ANONYMOUS`] who are not told; [`Error::KeyInvalid`]; those of
/// [`open`](super::open()) that concern the header.
pub fn change_header(
    header: &[u8],
    keys: &[&PrivateKey],
    change: RecipientChange<'_>,
    rng: &mut dyn Randomness,
) -> Result<Vec<u8>, Error> {
    changed_header(&copy_head(header, 0)?, keys, change, rng)
}

/// The new header, of one that nobody else writes to.
fn changed_header(
    header: &[u8],
    keys: &[&PrivateKey],
    change: RecipientChange<'_>,
    rng: &mut dyn Randomness,
) -> Result<Vec<u8>, Error> {
    let header = ReadHeader::read(header)?;
    let file_key = header.unwrap(keys)?;
    let stanzas = kept(&header.stanzas, change.remove)?;
    for recipient in change.add {
        let is_there = |stanza: &Stanza<'_>| stanza.names(recipient);
        let key_id = recipient.key_id();
        if stanzas.iter().any(is_there) || change.add.iter().filter(|added| *added == recipient).count() > 1 {
            return Err(Error::DuplicateRecipient { key_id });
        }
    }
    let count = stanzas.len() + change.add.len();
    if !(1..=MAX_RECIPIENTS).contains(&count) {
        return Err(Error::ChangeRefused(Defect::RecipientCount(count)));
    }
    let hidden = stanzas.iter().filter(|stanza| stanza.key_id.is_anonymous()).count();
    let hidden = hidden + if change.anonymous { change.add.len() } else { 0 };
    if hidden > MAX_ANONYMOUS {
        return Err(Error::ChangeRefused(Defect::AnonymousCount(hidden)));
    }
    let preamble = header.preamble();
    let added = change
        .add
        .iter()
        .map(|recipient| stanza::wrap(&file_key, recipient, change.anonymous, &preamble, rng))
        .collect::<Result<Vec<_>, _>>()?;
    let kept = stanzas.into_iter().map(Stanza::to_bytes).collect::<Result<Vec<_>, _>>()?;
    assemble(&file_key, header.suite, &header.context, &[kept, added].concat()).map_err(Error::ChangeRefused)
}

/// The stanzas that do not go.
fn kept<'a>(stanzas: &[Stanza<'a>], remove: &[KeyId]) -> Result<Vec<Stanza<'a>>, Error> {
    for &key_id in remove {
        let is_there = stanzas.iter().any(|stanza| stanza.key_id == key_id);
        if key_id.is_anonymous() || !is_there {
            return Err(Error::RecipientUnknown { key_id });
        }
    }
    Ok(stanzas.iter().filter(|stanza| !remove.contains(&stanza.key_id)).copied().collect())
}
