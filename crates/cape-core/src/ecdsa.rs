//! ECDSA with P-384 and SHA-384 (FIPS 186-5): the one kind of signature that documents, receipts and
//! certificates have, verified in one place.

use crate::crypto::provider::signature::{
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_FIXED, EcdsaVerificationAlgorithm, UnparsedPublicKey,
};

/// An uncompressed point on P-384: `04 || x || y`.
pub type PublicKey = [u8; 97];

/// Whether `signature`, a SEQUENCE of r and s as certificates have it, is the key's over `message`.
pub(crate) fn verify_asn1(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    verify(&ECDSA_P384_SHA384_ASN1, key, message, signature)
}

/// Whether `signature`, r || s as COSE has it, is the key's over `message`.
pub(crate) fn verify_fixed(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    verify(&ECDSA_P384_SHA384_FIXED, key, message, signature)
}

fn verify(
    algorithm: &'static EcdsaVerificationAlgorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    #[cfg(test)]
    count::one();
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

/// How many signatures a test's thread has verified: what a document costs.
#[cfg(test)]
pub(crate) mod count {
    use std::cell::Cell;

    thread_local! {
        static VERIFICATIONS: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn one() {
        VERIFICATIONS.set(VERIFICATIONS.get() + 1);
    }

    /// What `action` returns, and how many signatures it verified.
    pub(crate) fn during<T>(action: impl FnOnce() -> T) -> (T, usize) {
        let before = VERIFICATIONS.get();
        let result = action();
        (result, VERIFICATIONS.get() - before)
    }
}
