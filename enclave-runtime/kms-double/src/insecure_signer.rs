use cape_core::attest::TrustRoots;
use cape_nsm::{AttestationFields, Measurements, Nsm, Pki, SimulatedNsm};
use ciborium::Value;

use crate::server::now;

/// A development root that signs what an unsigned document claims, as one of QEMU's security module. It vouches for
/// nothing.
pub struct InsecureSigner {
    folder: tempfile::TempDir,
    /// What judges the documents that it signs.
    pub roots: TrustRoots,
    /// Its certificate, DER.
    pub root: Vec<u8>,
}

impl InsecureSigner {
    /// A new root.
    ///
    /// # Panics
    ///
    /// Without randomness, or room for a file.
    #[expect(clippy::new_without_default, reason = "each is another root")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pki = Pki::create(&folder.path().join("root"), now().as_millis()).expect("a root");
        let root = pki.root().to_vec();
        Self { roots: TrustRoots::development([&root]).expect("a root"), root, folder }
    }

    /// A document with the same measurements of the image, time, nonce, key and data. The registers of
    /// the host (PCR3, PCR4) are the development root's, so tests look at those of the original.
    ///
    /// # Panics
    ///
    /// When it is no document.
    pub fn sign(&self, document: &[u8]) -> Vec<u8> {
        self.sign_as(document, [0, 1, 2].map(|index| register(document, index)))
    }

    /// The same, had the image these measurements.
    ///
    /// # Panics
    ///
    /// When it is no document.
    pub fn sign_as(&self, document: &[u8], [pcr0, pcr1, pcr2]: [[u8; 48]; 3]) -> Vec<u8> {
        let payload = payload(document);
        let timestamp = find(&payload, &"timestamp".into()).and_then(Value::as_integer).expect("a time");
        let timestamp = timestamp.try_into().expect("a time");
        let pki = Pki::open(&self.folder.path().join("root")).expect("a root");
        let measurements = Measurements { pcr0, pcr1, pcr2 };
        let module = SimulatedNsm::start(pki, &measurements, move || timestamp).expect("a module");
        let field = |name: &str| find(&payload, &name.into()).and_then(Value::as_bytes).map(Vec::as_slice);
        let fields = AttestationFields {
            user_data: field("user_data"),
            nonce: field("nonce"),
            public_key: field("public_key"),
        };
        module.attest(fields).expect("a document")
    }
}

/// A register's value in a document that nobody signed.
///
/// # Panics
///
/// When it is no document, or has no such register.
pub fn register(document: &[u8], index: u8) -> [u8; 48] {
    let payload = payload(document);
    let registers = find(&payload, &"pcrs".into()).expect("registers");
    let value = find(registers, &index.into()).and_then(Value::as_bytes).expect("a register");
    value.as_slice().try_into().expect("48 bytes")
}

fn payload(document: &[u8]) -> Value {
    let message: Value = ciborium::from_reader(document).expect("CBOR");
    let payload = message.as_array().and_then(|parts| parts.get(2)).and_then(Value::as_bytes);
    ciborium::from_reader(payload.expect("a payload").as_slice()).expect("CBOR")
}

fn find<'a>(map: &'a Value, key: &Value) -> Option<&'a Value> {
    map.as_map()?.iter().find(|(found, _)| found == key).map(|(_, value)| value)
}
