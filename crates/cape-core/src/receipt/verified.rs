use super::expectation::Expectation;
use super::file;
use super::key::ReceiptKey;
use super::statement::Statement;
use crate::attest::VerifiedAttestation;
use crate::session::Salts;

/// What an enclave proved about one run. Only [`Receipt::verify`](super::Receipt::verify) makes one,
/// after every check held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedReceipt {
    bytes: Vec<u8>,
    key: ReceiptKey,
    statement: Statement,
    attestation: VerifiedAttestation,
    salts: Option<Salts>,
}

impl VerifiedReceipt {
    pub(super) fn new(
        bytes: &[u8],
        key: ReceiptKey,
        statement: Statement,
        attestation: &VerifiedAttestation,
        expectation: &Expectation<'_>,
    ) -> Self {
        let salts = expectation.salts;
        Self { bytes: bytes.to_vec(), key, statement, attestation: attestation.clone(), salts }
    }

    /// The receipt itself, as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The key that signed it.
    pub fn key(&self) -> &ReceiptKey {
        &self.key
    }

    /// What it states.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// What the enclave that signed it had proved.
    pub fn attestation(&self) -> &VerifiedAttestation {
        &self.attestation
    }

    /// The salts of its digests, where the verifier had them. Not every one of them was compared with
    /// data.
    pub fn salts(&self) -> Option<&Salts> {
        self.salts.as_ref()
    }

    /// The file that others can verify. It has no salts in it, so it tells nothing of the data.
    pub fn to_file(&self) -> Vec<u8> {
        file::encode(&self.bytes, &self.key.to_spki(), self.attestation.document())
    }
}
