use std::borrow::Cow;

use super::allocation::zeroed;
use super::context::Context;
use super::error::Error;
use super::header::{MAX_HEADER_LENGTH, ReadHeader, copy_head};
use super::key::PrivateKey;
use super::payload::{
    CHUNK_LENGTH, PREFIX_LENGTH, PayloadOpener, SEALED_CHUNK_LENGTH, plaintext_length, sized,
};
use super::text::{self, CheckedText, Encoded, TEXT_MARK, TEXT_WINDOW_CHUNKS};
use super::version_one;

/// Bytes before the chunks, at most.
const MAX_HEAD_LENGTH: usize = MAX_HEADER_LENGTH + PREFIX_LENGTH;

/// What was sealed. Who sealed it is not known.
pub struct Opened {
    /// The plaintext, whole.
    pub plaintext: Vec<u8>,
    /// The encryption context, as it was sealed.
    pub context: Context,
}

/// Opens an envelope with whichever key is a recipient's: the text form when it begins with
/// [`TEXT_MARK`], of version 1 too when one of the keys is of RSA; else the binary form. `aad` is what it
/// was sealed with. Use rules are not enforced.
///
/// # Errors
/// [`Error::NotARecipient`] when there is nothing to try any of the keys on; [`Error::DecryptFailed`]
/// for every failure to unwrap, of MAC or of commitment; [`Error::ChunkAltered`];
/// [`Error::Truncated`]; [`Error::NoMemory`]; for other forms [`Error::NotAnEnvelope`], [`Error::Malformed`],
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
    let envelope = Envelope::of_text(text::strip_prefix(sealed_text)?)?;
    Opening::of(envelope, keys, &[], check)?.finish()
}

/// An envelope that one of the keys has unwrapped: its header is authentic, its payload is still
/// sealed. For whoever has a place of his own for the plaintext; [`open`] does the rest otherwise.
pub struct Opening<'a> {
    payload: Payload<'a>,
    plaintext_length: usize,
    context: Context,
}

enum Payload<'a> {
    Sealed {
        envelope: Envelope<'a>,
        chunks_start: usize,
        opener: Box<PayloadOpener>,
    },
    /// Of version 1, which is of one piece and opened at once.
    Opened(Vec<u8>),
}

impl<'a> Opening<'a> {
    /// Begins to open an envelope, as [`open`] does.
    ///
    /// # Errors
    /// Those of [`open`], but [`Error::ChunkAltered`].
    pub fn begin(sealed: &'a [u8], keys: &[&PrivateKey], aad: &[u8]) -> Result<Self, Error> {
        let envelope = match sealed.starts_with(TEXT_MARK) {
            false => Envelope::Binary(Cow::Borrowed(sealed)),
            true => match text::read_prefix(sealed)? {
                Encoded::VersionTwo(encoded) => Envelope::of_text(encoded)?,
                Encoded::VersionOne(encoded) => {
                    return Ok(Self::opened(version_one::open(encoded, keys, aad)?));
                }
            },
        };
        Self::of(envelope, keys, aad, |_| Ok(()))
    }

    /// Opens the payload on up to so many threads, where it is large enough for that to pay.
    pub fn with_threads(mut self, threads: usize) -> Self {
        if let Payload::Sealed { envelope, chunks_start, opener } = self.payload {
            let opener = Box::new(opener.with_threads(threads));
            self.payload = Payload::Sealed { envelope, chunks_start, opener };
        }
        self
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
        match self.payload {
            Payload::Sealed { envelope, chunks_start, opener } => {
                let plaintext = sized(plaintext, self.plaintext_length)?;
                envelope.open_chunks(chunks_start, *opener, plaintext)
            }
            Payload::Opened(opened) => {
                sized(plaintext, opened.len())?.copy_from_slice(&opened);
                Ok(())
            }
        }
    }

    fn opened(plaintext: Vec<u8>) -> Self {
        let plaintext_length = plaintext.len();
        Self { payload: Payload::Opened(plaintext), plaintext_length, context: Context::empty() }
    }

    fn of(
        envelope: Envelope<'a>,
        keys: &[&PrivateKey],
        aad: &[u8],
        check: impl FnOnce(&Context) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let head = envelope.head()?;
        let header = ReadHeader::read(&head)?;
        let file_key = header.unwrap(keys)?;
        check(&header.context)?;
        let plaintext_length = plaintext_length(envelope.length() - header.length)?;
        let prefix = head.get(header.length..).unwrap_or_default();
        let opener = header.payload_opener(&file_key, aad, prefix)?;
        let opener = Box::new(match envelope {
            Envelope::Binary(Cow::Borrowed(_)) => opener.of_lent_memory(),
            Envelope::Binary(Cow::Owned(_)) | Envelope::Text(_) => opener,
        });
        let (chunks_start, context) = (header.length + PREFIX_LENGTH, header.context);
        Ok(Self { payload: Payload::Sealed { envelope, chunks_start, opener }, plaintext_length, context })
    }

    fn finish(mut self) -> Result<Opened, Error> {
        let context = core::mem::take(&mut self.context);
        let mut plaintext = zeroed(self.plaintext_length)?;
        self.open_into(&mut plaintext)?;
        Ok(Opened { plaintext, context })
    }
}

/// A whole envelope.
enum Envelope<'a> {
    Binary(Cow<'a, [u8]>),
    /// In text form, and too long to be decoded at once.
    Text(CheckedText<'a>),
}

impl<'a> Envelope<'a> {
    /// Of base64url.
    fn of_text(encoded: &'a [u8]) -> Result<Self, Error> {
        match text::decoded_length(encoded.len())? {
            ..=MAX_HEAD_LENGTH => Ok(Self::Binary(Cow::Owned(text::decode(encoded)?))),
            _ => CheckedText::new(encoded).map(Self::Text),
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.len(),
            Self::Text(text) => text.length(),
        }
    }

    /// All that comes before the chunks, and perhaps more, in memory of our own.
    fn head(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Binary(bytes) => copy_head(bytes, PREFIX_LENGTH),
            Self::Text(text) => {
                let mut head = Vec::new();
                text.decode(0..MAX_HEAD_LENGTH, &mut head)?;
                Ok(head)
            }
        }
    }

    fn open_chunks(
        &self,
        start: usize,
        mut opener: PayloadOpener,
        plaintext: &mut [u8],
    ) -> Result<(), Error> {
        let text = match self {
            Self::Binary(bytes) => {
                return opener.open_last(bytes.get(start..).unwrap_or_default(), plaintext).map(|_| ());
            }
            Self::Text(text) => text,
        };
        let (places, last) = plaintext.as_chunks_mut::<CHUNK_LENGTH>();
        let end = start + places.len() * SEALED_CHUNK_LENGTH;
        opener.open_windows(TEXT_WINDOW_CHUNKS, places, |range, memory| {
            text.decode(start + range.start..start + range.end, memory)
        })?;
        opener.open_last(text.decode(end..text.length(), &mut Vec::new())?, last).map(|_| ())
    }
}
