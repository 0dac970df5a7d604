use core::time::Duration;

use super::error::Error;
use super::expectation::Expectation;
use super::form_defect::FormDefect;
use super::key::ReceiptKey;
use super::statement::Statement;
use super::verified::VerifiedReceipt;
use crate::attest::VerifiedAttestation;
use crate::cose::{Rules, Sign1};
use crate::encoding::cbor::Form;

/// What a signature over a receipt is for, so that no other message passes for one.
pub(super) const EXTERNAL_DATA: &[u8] = b"cape/2 receipt";

/// Genuine receipts have about 400 bytes.
const RULES: Rules =
    Rules { form: Form::Deterministic, may_be_tagged: false, max_bytes: 1024, payload_bytes: 1..=768 };

/// How long before its document a run may have begun, for clocks that differ.
const MAX_SKEW: Duration = Duration::from_secs(2 * 60);

/// A receipt of the right form, none of whose claims is believed yet: they are reached through
/// [`verify`](Self::verify), or through [`inspect`](Self::inspect), whose result says that nothing was
/// verified.
pub struct Receipt<'a> {
    bytes: &'a [u8],
    message: Sign1<'a>,
    statement: Statement,
}

impl<'a> Receipt<'a> {
    /// Checks 1 to 3: size, COSE, and the payload's fields.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let message = Sign1::parse(bytes, &RULES)
            .map_err(|defect| Error::Malformed(FormDefect::of_message(defect, &RULES)))?;
        let statement = Statement::decode(message.payload).map_err(Error::Malformed)?;
        Ok(Self { bytes, message, statement })
    }

    /// Checks 4 to 8, in the order of `docs/spec/receipt.md`: `key` is the one that the document vouches
    /// for and signed this, and what it states is as expected.
    pub fn verify(
        self,
        key: &[u8],
        attestation: &VerifiedAttestation,
        expectation: &Expectation<'_>,
    ) -> Result<VerifiedReceipt, Error> {
        let key = ReceiptKey::from_spki(key)?;
        let session = attestation.session_data().ok_or(Error::NotOfSessions)?;
        if key.fingerprint() != session.receipts {
            return Err(Error::KeyMismatch { expected: session.receipts, actual: key.fingerprint() });
        }
        if !self.message.is_signed_by(key.point(), EXTERNAL_DATA) {
            return Err(Error::SignatureInvalid);
        }
        let document = attestation.document_sha384();
        if self.statement.document_sha384 != document {
            return Err(Error::DocumentMismatch {
                expected: document,
                actual: self.statement.document_sha384,
            });
        }
        self.check_time(attestation)?;
        expectation.check(&self.statement)?;
        Ok(VerifiedReceipt::new(self.bytes, key, self.statement, attestation, expectation))
    }

    /// What the receipt claims, for people to look at.
    pub fn inspect(&self) -> Unverified {
        Unverified { statement: self.statement.clone() }
    }

    /// Check 7: the run began while the document could stand for its enclave.
    fn check_time(&self, attestation: &VerifiedAttestation) -> Result<(), Error> {
        let started = self.statement.started;
        let earliest = attestation.timestamp().minus(MAX_SKEW);
        // A certificate's last second counts whole.
        let latest = attestation
            .chain()
            .last()
            .map_or(earliest, |leaf| leaf.not_after.plus(Duration::from_millis(999)));
        if (earliest..=latest).contains(&started) {
            return Ok(());
        }
        Err(Error::OutsideDocument { started, earliest, latest })
    }
}

/// What a receipt claims. Nothing of it was verified: anybody could have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// The claims.
    pub statement: Statement,
}
