use super::context::Context;
use super::error::{Error, Truncation};
use super::header::{MAX_ANONYMOUS, ReadHeader, payload_context};
use super::key::PrivateKey;
use super::payload::{PayloadOpener, plaintext_length};
use super::stanza::FileKey;
use super::text::{self, TEXT_MARK};

/// What was sealed. Who sealed it is not known.
pub struct Opened {
    /// The plaintext, whole.
    pub plaintext: Vec<u8>,
    /// The encryption context, as it was sealed.
    pub context: Context,
}

/// Opens an envelope with whichever key is a recipient's: the text form when it begins with
/// [`TEXT_MARK`], else the binary form. `aad` is what it was sealed with. Use rules are not enforced.
///
/// # Errors
/// [`Error::NotARecipient`] when there is nothing to try any of the keys on; [`Error::DecryptFailed`]
/// for every failure to unwrap, of MAC or of commitment; [`Error::ChunkAltered`];
/// [`Error::Truncated`]; for other forms [`Error::NotAnEnvelope`], [`Error::Malformed`],
/// [`Error::UnsupportedVersion`], [`Error::UnsupportedSuite`] and [`Error::UnsupportedFlags`].
pub fn open(sealed: &[u8], keys: &[&PrivateKey], aad: &[u8]) -> Result<Opened, Error> {
    if sealed.starts_with(TEXT_MARK) {
        let sealed = text::decode(text::strip_prefix(sealed)?)?;
        open_binary(&sealed, keys, aad, |_| Ok(()))
    } else {
        open_binary(sealed, keys, aad, |_| Ok(()))
    }
}

/// Opens the text form, sealed without `aad`, as enclaves do: `check` sees the encryption context when
/// it is authentic, and before any of the payload is opened.
///
/// # Errors
/// Those of `check`, and those of [`open`].
pub fn open_text_with(
    sealed_text: &[u8],
    keys: &[&PrivateKey],
    check: impl FnOnce(&Context) -> Result<(), Error>,
) -> Result<Opened, Error> {
    let sealed = text::decode(text::strip_prefix(sealed_text)?)?;
    open_binary(&sealed, keys, &[], check)
}

fn open_binary(
    sealed: &[u8],
    keys: &[&PrivateKey],
    aad: &[u8],
    check: impl FnOnce(&Context) -> Result<(), Error>,
) -> Result<Opened, Error> {
    let header = ReadHeader::read(sealed)?;
    let file_key = unwrap_file_key(&header, keys)?;
    if !header.verify(&file_key) {
        return Err(Error::DecryptFailed);
    }
    check(&header.context)?;
    let payload = sealed.get(header.length..).unwrap_or_default();
    let mut plaintext = vec![0; plaintext_length(payload.len())?];
    let (prefix, chunks) = payload.split_first_chunk().ok_or(Truncation::Commitment)?;
    let payload_context = payload_context(header.suite, &header.context, aad);
    let opener = PayloadOpener::new(header.suite, &file_key, &payload_context, prefix)?;
    opener.open_last(chunks, &mut plaintext)?;
    Ok(Opened { plaintext, context: header.context })
}

/// Tries each key on the stanza that names it; when none opens, tries the keys, in their order, on the
/// stanzas of their kind that name nobody, [`MAX_ANONYMOUS`] times in all.
fn unwrap_file_key(header: &ReadHeader<'_>, keys: &[&PrivateKey]) -> Result<FileKey, Error> {
    let pairs = || keys.iter().flat_map(|key| header.stanzas.iter().map(move |stanza| (*key, stanza)));
    let named = pairs().filter(|(key, stanza)| stanza.names(key.public_key()));
    let hidden = pairs().filter(|(key, stanza)| stanza.may_hide(key.public_key())).take(MAX_ANONYMOUS);
    let mut trials = named.chain(hidden).peekable();
    if trials.peek().is_none() {
        return Err(Error::NotARecipient { recipients: header.stanzas.len() });
    }
    let preamble = header.preamble();
    trials.find_map(|(key, stanza)| stanza.unwrap(key, &preamble)).ok_or(Error::DecryptFailed)
}
