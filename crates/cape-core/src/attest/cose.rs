//! The envelope of a document: COSE_Sign1 (RFC 9052, 4.2), checks 1 and 2, and its signature,
//! check 5.

use super::defects::{FormDefect, check_length};
use super::ecdsa::{self, PublicKey};
use crate::encoding::cbor::{self, Container, Form, Reader, Writer};

/// Genuine documents have 4 to 6 KiB.
const MAX_DOCUMENT_BYTES: usize = 32 * 1024;
const MAX_PAYLOAD_BYTES: usize = 16 * 1024;
/// ES384: r and s, 48 bytes each.
const SIGNATURE_BYTES: usize = 96;
/// The tag of COSE_Sign1, which the NSM leaves out.
const TAG_SIGN1: u64 = 18;
/// {1: -35}: the algorithm is ES384 (RFC 9053, 2.1).
const PROTECTED_ES384: &[u8] = &[0xa1, 1, 0x38, 0x22];

/// A message whose shape is right, and whose signature nobody has verified yet.
#[derive(Clone, Copy)]
pub(super) struct Sign1<'a> {
    pub(super) payload: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Sign1<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, FormDefect> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(FormDefect::DocumentSize { actual: bytes.len(), limit: MAX_DOCUMENT_BYTES });
        }
        let mut reader = Reader::new(bytes, Form::Attestation);
        match reader.tag()? {
            None | Some(TAG_SIGN1) => {}
            Some(other) => return Err(FormDefect::Tag(other)),
        }
        let mut array = reader.array_of(4)?;
        expect_item(&mut array, &mut reader)?;
        if reader.bytes()? != PROTECTED_ES384 {
            return Err(FormDefect::ProtectedHeader);
        }
        expect_item(&mut array, &mut reader)?;
        if reader.map()?.has_next(&mut reader)? {
            return Err(FormDefect::UnprotectedHeader);
        }
        expect_item(&mut array, &mut reader)?;
        let payload = reader.bytes()?;
        expect_item(&mut array, &mut reader)?;
        let signature = reader.bytes()?;
        if array.has_next(&mut reader)? {
            return Err(wrong_item_count(&reader).into());
        }
        reader.finish()?;
        check_length("payload", payload.len(), 1..=MAX_PAYLOAD_BYTES)?;
        check_length("signature", signature.len(), SIGNATURE_BYTES..=SIGNATURE_BYTES)?;
        Ok(Self { payload, signature })
    }

    /// Whether the message was signed with the key that belongs to `key`.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let mut signed = Writer::new();
        // Sig_structure (RFC 9052, 4.4), without external data, over the strings as received.
        signed.array(4).text("Signature1").bytes(PROTECTED_ES384).bytes(&[]).bytes(self.payload);
        ecdsa::verify_fixed(key, &signed.into_bytes(), self.signature)
    }
}

fn expect_item<'a>(array: &mut Container<'a>, reader: &mut Reader<'a>) -> Result<(), cbor::Error> {
    if array.has_next(reader)? { Ok(()) } else { Err(wrong_item_count(reader)) }
}

fn wrong_item_count(reader: &Reader<'_>) -> cbor::Error {
    cbor::Error::WrongType { expected: "an array of four items", offset: reader.offset() }
}
