//! The key that receipts are signed with, and their numbers (`docs/spec/receipt.md`).

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use super::Statement;

/// Signs receipts with a key that is born here and never leaves the process: nothing here shows it,
/// and the library that holds it wipes it.
pub struct Signer {
    key: EcdsaKeyPair,
    spki: Vec<u8>,
    random: SystemRandom,
    /// The number of the last receipt. It is held while one is signed, so that a number is used up by
    /// a receipt that exists and by nothing else: none is missing and none is there twice.
    last: Mutex<u64>,
}

/// No signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSigned;

impl Signer {
    /// A new key, which has signed nothing.
    pub fn new() -> Result<Self, NotSigned> {
        let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map_err(|_| NotSigned)?;
        let spki: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| NotSigned)?;
        let spki = spki.as_ref().to_vec();
        Ok(Self { key, spki, random: SystemRandom::new(), last: Mutex::new(0) })
    }

    /// The public key: SPKI in DER.
    pub fn key(&self) -> &[u8] {
        &self.spki
    }

    /// Signs what `statement` makes of the next number.
    pub fn issue(&self, statement: impl FnOnce(NonZeroU64) -> Statement) -> Result<Vec<u8>, NotSigned> {
        // A panic while it was held has used up no number.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let number = NonZeroU64::MIN.checked_add(*last).ok_or(NotSigned)?;
        let receipt = statement(number).sign(|message| self.sign(message))?;
        *last = number.get();
        Ok(receipt)
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 96], NotSigned> {
        let signature = self.key.sign(&self.random, message).map_err(|_| NotSigned)?;
        signature.as_ref().try_into().map_err(|_| NotSigned)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::UnixTime;
    use crate::identity::Checksum;
    use crate::receipt::{Outcome, Receipt};

    use super::*;

    fn statement(sequence: NonZeroU64) -> Statement {
        Statement {
            function: Checksum::from_bytes([1; 32]),
            input_digest: [2; 32],
            ciphertext_digest: None,
            outcome: Outcome::Succeeded { output_digest: [3; 32] },
            started: UnixTime::from_seconds(1_795_492_056),
            duration_us: 4,
            call_nonce: Some([5; 32]),
            sequence,
            session: [6; 32],
            document_sha384: [7; 48],
        }
    }

    fn number(receipt: &[u8]) -> u64 {
        Receipt::parse(receipt).unwrap().inspect().statement.sequence.get()
    }

    #[test]
    fn numbers_have_no_gap_and_none_is_there_twice_however_many_sign_at_once() {
        let receipts = Signer::new().unwrap();
        let issued: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| [(); 25].map(|()| number(&receipts.issue(statement).unwrap()))))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(issued.len(), 200);
        assert_eq!(issued.into_iter().collect::<BTreeSet<_>>(), (1..=200).collect());
    }

    #[test]
    fn a_receipt_that_is_not_made_uses_up_no_number() {
        let receipts = Signer::new().unwrap();
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            receipts.issue(|number| {
                assert_eq!(number.get(), 0, "no statement");
                statement(number)
            })
        }));
        assert!(failed.is_err());
        assert_eq!(number(&receipts.issue(statement).unwrap()), 1);
    }

    #[test]
    fn each_runtime_has_a_key_of_its_own() {
        let (one, other) = (Signer::new().unwrap(), Signer::new().unwrap());
        assert_eq!(one.key().len(), 120);
        assert_ne!(one.key(), other.key());
    }
}
