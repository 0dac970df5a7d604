use std::borrow::Cow;

use super::context::Context;
use super::error::{Error, Truncation};
use super::header::{MAX_ANONYMOUS, ReadHeader, payload_context};
use super::key::PrivateKey;
use super::payload::{PREFIX_LENGTH, PayloadOpener, plaintext_length};
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
    Opening::begin(sealed, keys, aad)?.finish()
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
    Opening::of_binary(Cow::Owned(sealed), keys, &[], check)?.finish()
}

/// An envelope that one of the keys has unwrapped: its header is authentic, its payload is still
/// sealed. For whoever has a place of his own for the plaintext; [`open`] does the rest otherwise.
pub struct Opening<'a> {
    sealed: Cow<'a, [u8]>,
    payload_start: usize,
    opener: PayloadOpener,
    plaintext_length: usize,
    context: Context,
}

impl<'a> Opening<'a> {
    /// Begins to open an envelope, as [`open`] does.
    ///
    /// # Errors
    /// Those of [`open`], but [`Error::ChunkAltered`].
    pub fn begin(sealed: &'a [u8], keys: &[&PrivateKey], aad: &[u8]) -> Result<Self, Error> {
        let sealed = match sealed.starts_with(TEXT_MARK) {
            true => Cow::Owned(text::decode(text::strip_prefix(sealed)?)?),
            false => Cow::Borrowed(sealed),
        };
        Self::of_binary(sealed, keys, aad, |_| Ok(()))
    }

    /// Bytes of the plaintext.
    pub fn plaintext_length(&self) -> usize {
        self.plaintext_length
    }

    /// Opens the payload into a buffer of at least [`plaintext_length`](Self::plaintext_length) bytes.
    /// After an error what it holds is not to be used.
    ///
    /// # Errors
    /// [`Error::ChunkAltered`], [`Error::BufferTooSmall`].
    pub fn open_into(self, plaintext: &mut [u8]) -> Result<(), Error> {
        let chunks = self.sealed.get(self.payload_start + PREFIX_LENGTH..).unwrap_or_default();
        self.opener.open_last(chunks, plaintext).map(|_| ())
    }

    fn of_binary(
        sealed: Cow<'a, [u8]>,
        keys: &[&PrivateKey],
        aad: &[u8],
        check: impl FnOnce(&Context) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let header = ReadHeader::read(&sealed)?;
        let file_key = unwrap_file_key(&header, keys)?;
        if !header.verify(&file_key) {
            return Err(Error::DecryptFailed);
        }
        check(&header.context)?;
        let payload = sealed.get(header.length..).unwrap_or_default();
        let plaintext_length = plaintext_length(payload.len())?;
        let prefix = payload.first_chunk().ok_or(Truncation::Commitment)?;
        let payload_context = payload_context(header.suite, &header.context, aad);
        let opener = PayloadOpener::new(header.suite, &file_key, &payload_context, prefix)?;
        let (payload_start, context) = (header.length, header.context);
        Ok(Self { sealed, payload_start, opener, plaintext_length, context })
    }

    fn finish(mut self) -> Result<Opened, Error> {
        let context = core::mem::take(&mut self.context);
        let mut plaintext = vec![0; self.plaintext_length];
        self.open_into(&mut plaintext)?;
        Ok(Opened { plaintext, context })
    }
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
