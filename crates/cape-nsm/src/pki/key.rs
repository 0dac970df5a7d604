use aws_lc_rs::pkcs8::Document;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rcgen::{PKCS_ECDSA_P384_SHA384, PublicKeyData, SignatureAlgorithm, SigningKey};

use super::PkiError;

/// An authority's private key, on P-384. It lies in AWS-LC's memory, and is serialized only to be written:
/// a key of rcgen's own keeps a copy of its bytes, and frees it as it is.
pub(super) struct AuthorityKey(EcdsaKeyPair);

impl AuthorityKey {
    pub(super) fn generate() -> Result<Self, PkiError> {
        EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Self).map_err(PkiError::issue)
    }

    /// Takes up a key again. The error says what is wrong with it.
    pub(super) fn from_pkcs8(key: &[u8]) -> Result<Self, String> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, key)
            .map(Self)
            .map_err(|rejected| rejected.to_string())
    }

    /// PKCS #8, DER: a secret, which is wiped when it is dropped.
    pub(super) fn to_pkcs8(&self) -> Result<Document, PkiError> {
        self.0.to_pkcs8v1().map_err(PkiError::issue)
    }
}

impl PublicKeyData for AuthorityKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P384_SHA384
    }
}

impl SigningKey for AuthorityKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        signature.map(|signature| signature.as_ref().to_vec()).map_err(|_| rcgen::Error::RingUnspecified)
    }
}
