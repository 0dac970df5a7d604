//! An attestation document: byte for byte what AWS's modules send since July 2025.

use std::collections::BTreeMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::EcdsaKeyPair;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_bytes::{ByteArray, ByteBuf, Bytes};

use crate::Error;
use crate::messages::{Digest, REGISTER_LENGTH};

/// The protected header {1: -35}: ES384 (RFC 9053, 2.1).
const PROTECTED: &[u8] = &[0xa1, 0x01, 0x38, 0x22];

pub(super) struct Payload<'a> {
    pub(super) module_id: &'a str,
    /// Milliseconds since 1970.
    pub(super) timestamp: u64,
    pub(super) pcrs: BTreeMap<u16, &'a ByteArray<REGISTER_LENGTH>>,
    pub(super) certificate: &'a [u8],
    /// From the root downward.
    pub(super) cabundle: &'a [Vec<u8>],
    pub(super) public_key: Option<ByteBuf>,
    pub(super) user_data: Option<ByteBuf>,
    pub(super) nonce: Option<ByteBuf>,
}

/// A map of indefinite length with all nine keys, null where there is no value.
impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cabundle: Vec<&Bytes> = self.cabundle.iter().map(|certificate| Bytes::new(certificate)).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("module_id", self.module_id)?;
        map.serialize_entry("digest", &Digest::Sha384)?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.serialize_entry("pcrs", &self.pcrs)?;
        map.serialize_entry("certificate", Bytes::new(self.certificate))?;
        map.serialize_entry("cabundle", &cabundle)?;
        map.serialize_entry("public_key", &self.public_key)?;
        map.serialize_entry("user_data", &self.user_data)?;
        map.serialize_entry("nonce", &self.nonce)?;
        map.end()
    }
}

/// An untagged COSE_Sign1 structure (RFC 9052, 4.2) with the signature as r || s.
pub(super) fn sign(payload: &Payload<'_>, key: &EcdsaKeyPair) -> Result<Vec<u8>, Error> {
    let payload = encode(payload)?;
    let protected = Bytes::new(PROTECTED);
    let payload = Bytes::new(&payload);
    let to_be_signed = encode(&("Signature1", protected, Bytes::new(b""), payload))?;
    let signature = key.sign(&SystemRandom::new(), &to_be_signed).map_err(|_| Error::InternalError)?;
    let unprotected = BTreeMap::<u8, u8>::new();
    encode(&(protected, unprotected, payload, Bytes::new(signature.as_ref())))
}

fn encode(item: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_cbor::to_vec(item).map_err(|_| Error::InternalError)
}
