use super::error::Error;
use crate::crypto::sha256;
use crate::ecdsa::PublicKey;

/// SubjectPublicKeyInfo (RFC 5480) of an uncompressed point on P-384, up to the point. There is one
/// encoding in DER, so this is all there is to read.
const SPKI_P384: [u8; 23] = [
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];
const UNCOMPRESSED: u8 = 4;

/// The public key that receipts are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptKey(PublicKey);

impl ReceiptKey {
    /// Reads a SubjectPublicKeyInfo in DER. That its point is on the curve shows when a signature is
    /// verified.
    pub fn from_spki(spki: &[u8]) -> Result<Self, Error> {
        match spki.strip_prefix(&SPKI_P384).map(PublicKey::try_from) {
            Some(Ok(point @ [UNCOMPRESSED, ..])) => Ok(Self(point)),
            _ => Err(Error::KeyMalformed),
        }
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn to_spki(&self) -> Vec<u8> {
        [&SPKI_P384[..], &self.0].concat()
    }

    /// SHA-256 of the SubjectPublicKeyInfo, as attestation documents name the key.
    pub fn fingerprint(&self) -> [u8; 32] {
        sha256(&[&SPKI_P384, &self.0])
    }

    pub(super) fn point(&self) -> &PublicKey {
        &self.0
    }
}
