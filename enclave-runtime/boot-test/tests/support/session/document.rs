//! Documents of a security module that does not sign, and what makes good ones of them.

use cape_core::attest::TrustRoots;
use cape_nsm::{AttestationFields, Measurements, Nsm, Pki, SimulatedNsm};
use ciborium::Value;

use super::cbor;
use crate::support::function::now;

/// The protected header of real documents: ES384.
const ES384: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];

/// A register's value in a document that nobody signed.
pub(crate) fn register(document: &[u8], index: u8) -> [u8; 48] {
    let payload = payload(document);
    cbor::bytes(cbor::find(&payload, "pcrs").unwrap(), index).try_into().unwrap()
}

/// The same document under the algorithm of real ones; still nobody has signed it.
pub(crate) fn with_algorithm(document: &[u8]) -> Vec<u8> {
    let mut message = cbor::decode(document);
    message.as_array_mut().unwrap()[0] = ES384.to_vec().into();
    cbor::encode(&message)
}

fn payload(document: &[u8]) -> Value {
    let message = cbor::decode(document);
    cbor::decode(message.as_array().unwrap()[2].as_bytes().unwrap())
}

/// A development root that signs what an unsigned document claims.
pub(crate) struct Signer {
    folder: tempfile::TempDir,
    pub(crate) roots: TrustRoots,
    /// Its certificate, DER.
    pub(crate) root: Vec<u8>,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("root");
        let pki = Pki::create(&directory, now().as_millis()).unwrap();
        let root = pki.root().to_vec();
        Self { roots: TrustRoots::development([&root]).unwrap(), root, folder }
    }

    /// A document with the same measurements of the image, time, nonce, key and data. The registers of
    /// the host (PCR3, PCR4) are the development root's, so tests look at those of the original.
    pub(crate) fn sign(&self, document: &[u8]) -> Vec<u8> {
        self.sign_as(document, [0, 1, 2].map(|index| register(document, index)))
    }

    /// The same, had the image these measurements.
    pub(crate) fn sign_as(&self, document: &[u8], [pcr0, pcr1, pcr2]: [[u8; 48]; 3]) -> Vec<u8> {
        let payload = payload(document);
        let measurements = Measurements { pcr0, pcr1, pcr2 };
        let timestamp = cbor::uint(&payload, "timestamp");
        let pki = Pki::open(&self.folder.path().join("root")).unwrap();
        let module = SimulatedNsm::start(pki, &measurements, move || timestamp).unwrap();
        let field = |name| cbor::find(&payload, name).and_then(Value::as_bytes).map(Vec::as_slice);
        let fields = AttestationFields {
            user_data: field("user_data"),
            nonce: field("nonce"),
            public_key: field("public_key"),
        };
        module.attest(fields).unwrap()
    }
}
