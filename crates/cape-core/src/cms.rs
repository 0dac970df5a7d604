//! CMS EnvelopedData (RFC 5652, 6) of the one kind in which KMS answers an enclave: one recipient, known by its key's
//! identifier, RSAES-OAEP with SHA-256, AES-256-CBC.
//!
//! Everything is DER, with two freedoms that KMS takes: what is around the recipient and the content may be of BER's
//! indefinite length, and the content may be in several parts. Nothing here is authentic: CBC is not, and anybody can
//! encrypt for a public key.

use core::fmt;

use crate::attest::DerDefect;
use crate::der::{
    EXPLICIT_0, EXPLICIT_1, IMPLICIT_0, INTEGER, NULL, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET,
};

/// The bytes that a message may have. Of 32 bytes KMS makes about 500.
pub const MAX_BYTES: usize = 16_384;

/// A block of AES.
const BLOCK: usize = 16;
/// Both structures have this version when their recipient is known by its key's identifier (RFC 5652, 6.1, 6.2.1).
const VERSION: &[u8] = &[2];

/// BER's length of an element that ends where its end is said (X.690, 8.1.3.6).
const INDEFINITE: u8 = 0x80;
const END_OF_CONTENTS: &[u8] = &[0, 0];

/// 1.2.840.113549.1.7.3
const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3];
/// 1.2.840.113549.1.7.1
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
/// 1.2.840.113549.1.1.7
const RSAES_OAEP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 7];
/// 1.2.840.113549.1.1.8
const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8];
/// 2.16.840.1.101.3.4.2.1
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
/// 2.16.840.1.101.3.4.1.42
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 0x2a];

/// What was encrypted for one RSA key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopedData<'a> {
    /// The AES-256 key, encrypted by RSAES-OAEP with SHA-256, MGF1 with SHA-256 and the empty label.
    pub encrypted_key: &'a [u8],
    /// The initialization vector.
    pub iv: [u8; 16],
    /// The content, encrypted by AES-256-CBC with the padding of RFC 5652, 6.3: whole blocks, and one at least.
    pub ciphertext: Vec<u8>,
}

impl<'a> EnvelopedData<'a> {
    /// Reads a message and nothing else.
    ///
    /// # Errors
    ///
    /// The first rule that it breaks.
    pub fn parse(message: &'a [u8]) -> Result<Self, Defect> {
        if message.len() > MAX_BYTES {
            return Err(Defect::TooLong);
        }
        let mut reader = Reader::new(message);
        let data = constructed(&mut reader, SEQUENCE, |content_info| {
            expect(content_info, OBJECT_IDENTIFIER, ENVELOPED_DATA, Defect::ContentType)?;
            constructed(content_info, EXPLICIT_0, |content| constructed(content, SEQUENCE, enveloped_data))
        })?;
        reader.finish()?;
        Ok(data)
    }
}

/// RFC 5652, 6.1: EnvelopedData, without what KMS leaves out.
fn enveloped_data<'a>(reader: &mut Reader<'a>) -> Result<EnvelopedData<'a>, Defect> {
    expect(reader, INTEGER, VERSION, Defect::Version)?;
    let mut recipients = reader.nested(SET)?;
    let encrypted_key = recipient(recipients.nested(SEQUENCE)?)?;
    if !recipients.is_empty() {
        return Err(Defect::Recipients);
    }
    let (iv, ciphertext) = constructed(reader, SEQUENCE, encrypted_content)?;
    Ok(EnvelopedData { encrypted_key, iv, ciphertext })
}

/// RFC 5652, 6.2.1: KeyTransRecipientInfo.
fn recipient<'a>(mut reader: Reader<'a>) -> Result<&'a [u8], Defect> {
    expect(&mut reader, INTEGER, VERSION, Defect::Version)?;
    if !reader.next_is(IMPLICIT_0) {
        return Err(Defect::RecipientIdentifier);
    }
    reader.read(IMPLICIT_0)?;
    oaep_with_sha_256(reader.nested(SEQUENCE)?)?;
    let encrypted_key = reader.read(OCTET_STRING)?;
    reader.finish()?;
    Ok(encrypted_key)
}

/// RFC 4055, 4.1: RSAES-OAEP whose hash and mask generation are not the defaults, and whose label is.
fn oaep_with_sha_256(mut reader: Reader<'_>) -> Result<(), Defect> {
    const OTHER: Defect = Defect::KeyEncryption;
    expect(&mut reader, OBJECT_IDENTIFIER, RSAES_OAEP, OTHER)?;
    let mut parameters = reader.nested(SEQUENCE)?;
    reader.finish()?;
    let mut hash = parameters.nested(EXPLICIT_0).map_err(|_| OTHER)?;
    sha_256(&mut hash)?;
    hash.finish()?;
    let mut mask_generation = parameters.nested(EXPLICIT_1).map_err(|_| OTHER)?;
    let mut mgf1 = mask_generation.nested(SEQUENCE)?;
    mask_generation.finish()?;
    expect(&mut mgf1, OBJECT_IDENTIFIER, MGF1, OTHER)?;
    sha_256(&mut mgf1)?;
    mgf1.finish()?;
    if parameters.is_empty() { Ok(()) } else { Err(OTHER) }
}

/// SHA-256 as an algorithm. Its parameters may be NULL or absent (RFC 4055, 2.1).
fn sha_256(reader: &mut Reader<'_>) -> Result<(), Defect> {
    let mut algorithm = reader.nested(SEQUENCE)?;
    expect(&mut algorithm, OBJECT_IDENTIFIER, SHA_256, Defect::KeyEncryption)?;
    if !algorithm.is_empty() {
        expect(&mut algorithm, NULL, &[], Defect::KeyEncryption)?;
    }
    Ok(algorithm.finish()?)
}

/// RFC 5652, 6.1: EncryptedContentInfo.
fn encrypted_content(reader: &mut Reader<'_>) -> Result<([u8; BLOCK], Vec<u8>), Defect> {
    expect(reader, OBJECT_IDENTIFIER, DATA, Defect::ContentType)?;
    let mut algorithm = reader.nested(SEQUENCE)?;
    expect(&mut algorithm, OBJECT_IDENTIFIER, AES_256_CBC, Defect::ContentEncryption)?;
    let iv = algorithm.read(OCTET_STRING)?.try_into().map_err(|_| Defect::ContentEncryption)?;
    algorithm.finish()?;
    let ciphertext =
        if reader.next_is(IMPLICIT_0) { reader.read(IMPLICIT_0)?.to_vec() } else { parts(reader)? };
    if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK) {
        return Err(Defect::Blocks);
    }
    Ok((iv, ciphertext))
}

/// The content in several OCTET STRINGs, one after the other (X.690, 8.7.3): of indefinite length, as this has no
/// other use.
fn parts(reader: &mut Reader<'_>) -> Result<Vec<u8>, Defect> {
    if !reader.skips(&[EXPLICIT_0, INDEFINITE]) {
        return Err(Defect::Content);
    }
    let mut content = Vec::new();
    while !reader.skips(END_OF_CONTENTS) {
        content.extend_from_slice(reader.read(OCTET_STRING)?);
    }
    Ok(content)
}

/// Lets `read` read all that is in the next element, whose length may be definite or not.
fn constructed<'a, T>(
    reader: &mut Reader<'a>,
    tag: u8,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Defect>,
) -> Result<T, Defect> {
    if reader.skips(&[tag, INDEFINITE]) {
        let value = read(reader)?;
        return if reader.skips(END_OF_CONTENTS) { Ok(value) } else { Err(Defect::EndOfContents) };
    }
    let mut content = reader.nested(tag)?;
    let value = read(&mut content)?;
    content.finish()?;
    Ok(value)
}

/// Reads an element of type `tag`; another content than `expected` is the error `otherwise`.
fn expect(reader: &mut Reader<'_>, tag: u8, expected: &[u8], otherwise: Defect) -> Result<(), Defect> {
    if reader.read(tag)? == expected { Ok(()) } else { Err(otherwise) }
}

/// How a message is not what KMS makes for an enclave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// More than [`MAX_BYTES`].
    TooLong,
    /// A rule of DER.
    Der(DerDefect),
    /// An element of indefinite length that does not end where it has to.
    EndOfContents,
    /// It is something else than data that was enveloped.
    ContentType,
    /// Another version than 2.
    Version,
    /// Several recipients.
    Recipients,
    /// A recipient that is not known by its key's identifier.
    RecipientIdentifier,
    /// The key is encrypted by something else than RSAES-OAEP with SHA-256.
    KeyEncryption,
    /// The content is encrypted by something else than AES-256-CBC.
    ContentEncryption,
    /// The content is missing, or in a form that KMS does not use.
    Content,
    /// The content is not of whole blocks.
    Blocks,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "more bytes than such a message has",
            Self::Der(defect) => return defect.fmt(f),
            Self::EndOfContents => "an element of indefinite length without its end",
            Self::ContentType => "another type of content than enveloped data",
            Self::Version => "another version than 2",
            Self::Recipients => "several recipients",
            Self::RecipientIdentifier => "a recipient without a key identifier",
            Self::KeyEncryption => "a key encrypted by something else than RSAES-OAEP with SHA-256",
            Self::ContentEncryption => "content encrypted by something else than AES-256-CBC",
            Self::Content => "no content, or one out of form",
            Self::Blocks => "content of another length than whole blocks",
        })
    }
}

impl From<DerDefect> for Defect {
    fn from(defect: DerDefect) -> Self {
        Self::Der(defect)
    }
}
