//! What the tests share: folders that vanish, a clock that obeys, and readers of documents.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cape_nsm::{AttestationFields, Measurements, Nsm, Pki, PkiError, SimulatedNsm};
use serde_cbor::Value;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

pub(crate) const SECOND: u64 = 1000;
pub(crate) const HOUR: u64 = 3600 * SECOND;
pub(crate) const DAY: u64 = 24 * HOUR;

/// When the tests' roots are made: 2027-01-15T08:00:00Z, in milliseconds since 1970.
pub(crate) const START: u64 = 1_800_000_000_000;

pub(crate) const MEASUREMENTS: Measurements =
    Measurements { pcr0: [0xa0; 48], pcr1: [0xa1; 48], pcr2: [0xa2; 48] };

/// A folder of this test's own, removed at its end.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path in the folder at which nothing is yet.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

/// A clock that stands still until it is set.
#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn at(now: u64) -> Self {
        Self(Arc::new(AtomicU64::new(now)))
    }

    pub(crate) fn set(&self, now: u64) {
        self.0.store(now, Ordering::SeqCst);
    }

    pub(crate) fn start(&self, pki: Pki) -> Result<SimulatedNsm, PkiError> {
        let clock = Arc::clone(&self.0);
        SimulatedNsm::start(pki, &MEASUREMENTS, move || clock.load(Ordering::SeqCst))
    }
}

/// A module of a new installation, at [`START`].
pub(crate) fn module() -> (SimulatedNsm, Clock) {
    let folder = Folder::new();
    let clock = Clock::at(START);
    // The chain is complete at the start, so the folder is not needed for the first hours.
    let nsm = clock.start(Pki::create(&folder.join("nsm"), START).unwrap()).unwrap();
    (nsm, clock)
}

/// A document, taken apart.
pub(crate) struct Document {
    pub(crate) protected: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) fields: BTreeMap<String, Value>,
}

impl Document {
    pub(crate) fn of(nsm: &dyn Nsm) -> Self {
        Self::read(&nsm.attest(AttestationFields::default()).unwrap())
    }

    pub(crate) fn read(bytes: &[u8]) -> Self {
        let (protected, _, payload, signature): (Value, BTreeMap<u8, Value>, Value, Value) =
            serde_cbor::from_slice(bytes).unwrap();
        let payload = bytes_of(payload);
        Self {
            protected: bytes_of(protected),
            fields: serde_cbor::from_slice(&payload).unwrap(),
            payload,
            signature: bytes_of(signature),
        }
    }

    /// Whether it has the form of July 2025: its payload is a map of indefinite length.
    pub(crate) fn is_of_today(&self) -> bool {
        self.payload[0] == 0xbf
    }

    pub(crate) fn text(&self, field: &str) -> String {
        match &self.fields[field] {
            Value::Text(text) => text.clone(),
            other => panic!("{field} is {other:?}"),
        }
    }

    pub(crate) fn timestamp(&self) -> u64 {
        match self.fields["timestamp"] {
            Value::Integer(timestamp) => timestamp.try_into().unwrap(),
            ref other => panic!("timestamp is {other:?}"),
        }
    }

    /// `None` when the field is null.
    pub(crate) fn bytes(&self, field: &str) -> Option<Vec<u8>> {
        match &self.fields[field] {
            Value::Null => None,
            value => Some(bytes_of(value.clone())),
        }
    }

    pub(crate) fn pcrs(&self) -> BTreeMap<u8, Vec<u8>> {
        let Value::Map(pcrs) = &self.fields["pcrs"] else { panic!("pcrs is no map") };
        pcrs.iter()
            .map(|(index, value)| match index {
                Value::Integer(index) => ((*index).try_into().unwrap(), bytes_of(value.clone())),
                other => panic!("a register's index is {other:?}"),
            })
            .collect()
    }

    /// The certificates from the root down to the enclave's, DER.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        let Value::Array(cabundle) = &self.fields["cabundle"] else { panic!("cabundle is no array") };
        let mut chain: Vec<Vec<u8>> = cabundle.iter().cloned().map(bytes_of).collect();
        chain.extend(self.bytes("certificate"));
        chain
    }
}

fn bytes_of(value: Value) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) => bytes,
        other => panic!("{other:?} is no byte string"),
    }
}

pub(crate) fn certificate(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = X509Certificate::from_der(der).unwrap();
    assert!(rest.is_empty());
    certificate
}

/// The genuine documents, or nothing where the folder is missing: then the test says so.
pub(crate) fn genuine_documents(test: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/nitro-docs");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("{test} is skipped: there is no ../shared/nitro-docs beside the repository");
        return Vec::new();
    };
    let mut documents: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "cbor"))
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    documents.sort();
    assert!(!documents.is_empty());
    documents
}
