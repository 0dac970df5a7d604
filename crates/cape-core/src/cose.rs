//! COSE_Sign1 (RFC 9052, 4.2) of the one kind that enclaves and their images have: ES384, attached
//! payload. Attestation documents, receipts and signatures of images are read and verified by this code
//! alone.

use core::fmt;
use core::ops::RangeInclusive;

use crate::ecdsa;
use crate::encoding::cbor::{self, Container, Form, Reader, Writer};

pub use crate::ecdsa::PublicKey;

/// ES384: r and s, 48 bytes each.
pub const SIGNATURE_BYTES: usize = 96;
/// The tag of COSE_Sign1, which the NSM leaves out.
const TAG_SIGN1: u64 = 18;
/// {1: -35}: the algorithm is ES384 (RFC 9053, 2.1).
const PROTECTED_ES384: &[u8] = &[0xa1, 1, 0x38, 0x22];

/// What a message of one kind may be.
pub struct Rules {
    /// Which of CBOR's freedoms it has.
    pub form: Form,
    /// Whether tag 18 may stand in front of it.
    pub may_be_tagged: bool,
    /// Its bytes.
    pub max_bytes: usize,
    /// The bytes of its payload.
    pub payload_bytes: RangeInclusive<usize>,
}

/// A message whose shape is right, and whose signature nobody has verified yet.
#[derive(Clone, Copy)]
pub struct Sign1<'a> {
    /// What is said to be signed.
    pub payload: &'a [u8],
    signature: &'a [u8],
}

/// A rule of form that a message breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// It is not CBOR, or not an array of four items of the right types.
    Cbor(cbor::Error),
    /// The payload has this many bytes.
    PayloadSize(usize),
    /// The protected header is not exactly ES384.
    ProtectedHeader,
    /// The signature has this many bytes.
    SignatureSize(usize),
    /// The message has this many bytes.
    Size(usize),
    /// A tag that may not be there.
    Tag(u64),
    /// The unprotected header is not empty.
    UnprotectedHeader,
}

impl<'a> Sign1<'a> {
    /// Reads a message; nobody has vouched for it yet.
    pub fn parse(bytes: &'a [u8], rules: &Rules) -> Result<Self, Defect> {
        if bytes.len() > rules.max_bytes {
            return Err(Defect::Size(bytes.len()));
        }
        let mut reader = Reader::new(bytes, rules.form);
        match reader.tag()? {
            None => {}
            Some(TAG_SIGN1) if rules.may_be_tagged => {}
            Some(other) => return Err(Defect::Tag(other)),
        }
        let mut array = reader.array_of(4)?;
        expect_item(&mut array, &mut reader)?;
        if reader.bytes()? != PROTECTED_ES384 {
            return Err(Defect::ProtectedHeader);
        }
        expect_item(&mut array, &mut reader)?;
        if reader.map()?.has_next(&mut reader)? {
            return Err(Defect::UnprotectedHeader);
        }
        expect_item(&mut array, &mut reader)?;
        let payload = reader.bytes()?;
        expect_item(&mut array, &mut reader)?;
        let signature = reader.bytes()?;
        if array.has_next(&mut reader)? {
            return Err(wrong_item_count(&reader).into());
        }
        reader.finish()?;
        if !rules.payload_bytes.contains(&payload.len()) {
            return Err(Defect::PayloadSize(payload.len()));
        }
        if signature.len() != SIGNATURE_BYTES {
            return Err(Defect::SignatureSize(signature.len()));
        }
        Ok(Self { payload, signature })
    }

    /// Whether the message was signed with the key that belongs to `key`, for this external data.
    pub fn is_signed_by(&self, key: &PublicKey, external: &[u8]) -> bool {
        ecdsa::verify_fixed(key, &to_be_signed(external, self.payload), self.signature)
    }
}

/// Sig_structure (RFC 9052, 4.4): what a signature is over.
pub fn to_be_signed(external: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut signed = Writer::new();
    signed.array(4).text("Signature1").bytes(PROTECTED_ES384).bytes(external).bytes(payload);
    signed.into_bytes()
}

/// The message, untagged.
pub fn encode(payload: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Vec<u8> {
    let mut message = Writer::new();
    message.array(4).bytes(PROTECTED_ES384).map(0).bytes(payload).bytes(signature);
    message.into_bytes()
}

fn expect_item<'a>(array: &mut Container<'a>, reader: &mut Reader<'a>) -> Result<(), cbor::Error> {
    if array.has_next(reader)? { Ok(()) } else { Err(wrong_item_count(reader)) }
}

fn wrong_item_count(reader: &Reader<'_>) -> cbor::Error {
    cbor::Error::WrongLength { expected: "an array of four items", offset: reader.offset() }
}

impl From<cbor::Error> for Defect {
    fn from(error: cbor::Error) -> Self {
        Self::Cbor(error)
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cbor(error) => write!(f, "{error}"),
            Self::PayloadSize(actual) => write!(f, "payload of {actual} bytes"),
            Self::ProtectedHeader => f.write_str("the protected header is not exactly ES384"),
            Self::SignatureSize(actual) => {
                write!(f, "signature of {actual} bytes instead of {SIGNATURE_BYTES}")
            }
            Self::Size(actual) => write!(f, "{actual} bytes"),
            Self::Tag(tag) => write!(f, "tag {tag}"),
            Self::UnprotectedHeader => f.write_str("the unprotected header is not empty"),
        }
    }
}

impl core::error::Error for Defect {}
