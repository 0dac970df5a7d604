//! Receipts, from whatever fields one likes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use cape_core::attest::{
    Document, Expectation as DocumentExpectation, Policy, Release, SessionData, TrustRoots,
    VerifiedAttestation,
};
use cape_core::crypto::{sha256, sha384};
use cape_core::identity::Checksum;
use cape_core::receipt::{Error, Expectation, ExpectedInput, ExpectedOutcome, Receipt, VerifiedReceipt};
use cape_core::session::Salts;

use crate::document::{NONCE, NOW, PROTECTED, VAULT, bytes, cose, null, text, uint};
use crate::x509::{Key, SECP384R1, public_key};

pub(crate) const INPUT: &[u8] = b"hello";
pub(crate) const OUTPUT: &[u8] = b"olleh";
pub(crate) const SALTS: Salts = Salts { input: [0xa5; 32], output: Some([0xa6; 32]) };
pub(crate) const CHECKSUM: Checksum = Checksum::from_bytes([7; 32]);
pub(crate) const CALL_NONCE: [u8; 32] = [8; 32];
pub(crate) const LEAF: [u8; 32] = [9; 32];

/// An enclave: its document, judged, and the key of its receipts.
pub(crate) struct Enclave {
    pub(crate) document: Vec<u8>,
    pub(crate) root: Vec<u8>,
    pub(crate) attestation: VerifiedAttestation,
    pub(crate) key: Key,
}

pub(crate) static ENCLAVE: LazyLock<Enclave> = LazyLock::new(Enclave::new);

impl Enclave {
    pub(crate) fn new() -> Self {
        let key = Key::generate();
        let receipts = sha256(&[&public_key(SECP384R1, key.point())]);
        let mut forge = crate::document::Forge::new();
        let user_data = SessionData { vault: VAULT, runtime: [1; 32], receipts }.to_user_data();
        forge.set("user_data", bytes(&user_data));
        let (document, root) = (forge.document(), forge.certificates[0].clone());
        let attestation = Document::parse(&document)
            .unwrap()
            .verify(&roots(&root), &policy(), &DocumentExpectation::session(NONCE), NOW, None)
            .unwrap();
        Self { document, root, attestation, key }
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        public_key(SECP384R1, self.key.point())
    }

    pub(crate) fn judge(
        &self,
        receipt: &[u8],
        expectation: &Expectation<'_>,
    ) -> Result<VerifiedReceipt, Error> {
        Receipt::parse(receipt)?.verify(&self.spki(), &self.attestation, expectation)
    }
}

pub(crate) fn roots(root: &[u8]) -> TrustRoots {
    TrustRoots::development(vec![root.to_vec()]).unwrap()
}

pub(crate) fn policy() -> Policy {
    let pcrs = BTreeMap::from([(0, [1; 48]), (1, [2; 48]), (2, [3; 48])]);
    Policy::new(vec![Release { name: "pinned".into(), pcrs, vault: Some(VAULT), not_after: None }]).unwrap()
}

/// All that a caller knows of its own call.
pub(crate) fn everything() -> Expectation<'static> {
    Expectation {
        function: Some(CHECKSUM),
        session: Some(LEAF),
        call_nonce: Some(CALL_NONCE),
        after: Some(40),
        input: Some(ExpectedInput::Sent(INPUT)),
        outcome: Some(ExpectedOutcome::Output(OUTPUT)),
        salts: Some(SALTS),
    }
}

/// A receipt to be; what is not changed is in order, and is what [`everything`] asks for.
pub(crate) struct Forge {
    /// The payload's fields, the values encoded.
    pub(crate) fields: Vec<(u64, Vec<u8>)>,
}

impl Forge {
    pub(crate) fn new() -> Self {
        let fields = vec![
            uint(2),
            bytes(CHECKSUM.as_bytes()),
            bytes(&sha256(&[&SALTS.input, INPUT])),
            bytes(&sha256(&[&SALTS.output.unwrap(), OUTPUT])),
            null(),
            uint(0),
            uint(NOW.as_millis()),
            uint(1234),
            bytes(&CALL_NONCE),
            uint(41),
            bytes(&LEAF),
            bytes(&sha384(&[&ENCLAVE.document])),
        ];
        Self { fields: (1..).zip(fields).collect() }
    }

    /// Gives a field another value, encoded.
    pub(crate) fn set(mut self, field: u64, value: Vec<u8>) -> Self {
        self.fields.iter_mut().find(|(known, _)| *known == field).unwrap().1 = value;
        self
    }

    /// A call that failed with an error of this class.
    pub(crate) fn failed(error: &str) -> Self {
        Self::new().set(4, null()).set(6, text(error))
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        let entries = self.fields.iter().flat_map(|(field, value)| [uint(*field), value.clone()]);
        let head = 0xa0 + u8::try_from(self.fields.len()).unwrap();
        [&[head], entries.collect::<Vec<_>>().concat().as_slice()].concat()
    }

    pub(crate) fn receipt(&self) -> Vec<u8> {
        signed(&self.payload())
    }
}

/// A receipt of any payload, signed by the enclave.
pub(crate) fn signed(payload: &[u8]) -> Vec<u8> {
    cose(&bytes(PROTECTED), &[0xa0], &bytes(payload), &bytes(&signature(payload, &ENCLAVE.key)))
}

pub(crate) fn signature(payload: &[u8], key: &Key) -> Vec<u8> {
    let external = bytes(b"cape/2 receipt");
    let to_be_signed =
        [&[0x84], &text("Signature1")[..], &bytes(PROTECTED), &external, &bytes(payload)].concat();
    key.sign_fixed(&to_be_signed)
}
