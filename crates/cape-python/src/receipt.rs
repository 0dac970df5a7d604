//! Receipts, as Python sees them.

use std::str::FromStr;

use cape_core::UnixTime;
use cape_core::encoding::hex;
use cape_core::identity::Checksum;
use cape_core::receipt::{self, Expectation, ExpectedInput, ExpectedOutcome, ReceiptFile, Statement};
use cape_core::session::Salts;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::attestation::{TrustRoots, VerifiedAttestation};
use crate::buffer::{Bytes, Copied};
use crate::error::raised;
use crate::integer::integer;
use crate::policy::Policy;
use crate::text::Text;
use crate::time;

/// What a receipt states, verified or not.
#[pyclass(frozen, subclass, module = "pycape._core")]
pub(crate) struct ReceiptStatement(Statement);

#[pymethods]
impl ReceiptStatement {
    #[getter]
    fn checksum(&self) -> String {
        self.0.function.to_string()
    }

    #[getter]
    fn input_digest(&self) -> String {
        hex::encode(&self.0.input_digest)
    }

    #[getter]
    fn output_digest(&self) -> Option<String> {
        match &self.0.outcome {
            receipt::Outcome::Succeeded { output_digest } => Some(hex::encode(output_digest)),
            receipt::Outcome::Failed { .. } => None,
        }
    }

    #[getter]
    fn ciphertext_digest(&self) -> Option<String> {
        self.0.ciphertext_digest.map(|digest| hex::encode(&digest))
    }

    #[getter]
    fn outcome(&self) -> &str {
        self.0.outcome.name()
    }

    #[getter]
    fn started<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time::to_datetime(py, self.0.started)
    }

    #[getter]
    fn duration_us(&self) -> u64 {
        self.0.duration_us
    }

    #[getter]
    fn call_nonce(&self) -> Option<String> {
        self.0.call_nonce.map(|nonce| hex::encode(&nonce))
    }

    #[getter]
    fn sequence(&self) -> u64 {
        self.0.sequence.get()
    }

    #[getter]
    fn session(&self) -> String {
        hex::encode(&self.0.session)
    }

    #[getter]
    fn document_sha384(&self) -> String {
        hex::encode(&self.0.document_sha384)
    }
}

/// A receipt that passed every check.
#[pyclass(frozen, extends = ReceiptStatement, module = "pycape.receipts")]
pub(crate) struct VerifiedReceipt(receipt::VerifiedReceipt);

#[pymethods]
impl VerifiedReceipt {
    #[getter]
    fn receipt<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_bytes())
    }

    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.key().to_spki())
    }

    #[getter]
    fn attestation(&self) -> VerifiedAttestation {
        VerifiedAttestation(self.0.attestation().clone())
    }

    #[getter]
    fn salts<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.salts().map(|salts| PyBytes::new(py, &salts.to_bytes()))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_file())
    }

    fn __repr__(&self) -> String {
        format!("<VerifiedReceipt {}>", shown(self.0.statement()))
    }
}

/// What a receipt claims. Nothing of it was checked.
#[pyclass(frozen, extends = ReceiptStatement, module = "pycape.receipts")]
pub(crate) struct UnverifiedReceipt(String);

#[pymethods]
impl UnverifiedReceipt {
    fn __repr__(&self) -> String {
        format!("<UnverifiedReceipt {}>", self.0)
    }
}

/// Judges a file of a receipt with its key and document, at the document's own time.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the arguments of pycape.receipts.verify")]
pub(crate) fn verify_receipt_file(
    py: Python<'_>,
    file: Copied,
    policy: &Policy,
    trust_roots: &TrustRoots,
    #[pyo3(from_py_with = integer)] now_ms: u64,
    salts: Option<Copied>,
    checksum: Option<Text<'_>>,
    #[pyo3(from_py_with = integer)] call_nonce: Option<[u8; 32]>,
    input: Option<Bytes>,
    output: Option<Bytes>,
) -> PyResult<Py<VerifiedReceipt>> {
    let expectation = Expectation {
        function: checksum.map(|text| Checksum::from_str(&text.read())).transpose().map_err(raised)?,
        call_nonce,
        input: input.as_ref().map(|input| ExpectedInput::sent_or_given(input.as_slice())),
        outcome: output.as_ref().map(|output| ExpectedOutcome::Output(output.as_slice())),
        salts: salts.map(|salts| read_salts(&salts)).transpose()?,
        ..Expectation::default()
    };
    let verified = py
        .detach(|| {
            let file = ReceiptFile::parse(&file).map_err(receipt::FileError::Receipt)?;
            let now = UnixTime::from_millis(now_ms);
            file.verify(&trust_roots.0, &policy.0, &expectation, now)
        })
        .map_err(raised)?;
    to_python(py, verified)
}

/// The claims of a file's receipt, unjudged.
#[pyfunction]
pub(crate) fn inspect_receipt_file(py: Python<'_>, file: Copied) -> PyResult<Py<UnverifiedReceipt>> {
    let statement = ReceiptFile::parse(&file).map_err(raised)?.inspect().statement;
    let unverified = UnverifiedReceipt(shown(&statement));
    Py::new(py, PyClassInitializer::from(ReceiptStatement(statement)).add_subclass(unverified))
}

pub(crate) fn read_salts(salts: &[u8]) -> PyResult<Salts> {
    Salts::from_bytes(salts).map_err(receipt::Error::from).map_err(raised)
}

pub(crate) fn to_python(py: Python<'_>, verified: receipt::VerifiedReceipt) -> PyResult<Py<VerifiedReceipt>> {
    let statement = ReceiptStatement(verified.statement().clone());
    Py::new(py, PyClassInitializer::from(statement).add_subclass(VerifiedReceipt(verified)))
}

fn shown(statement: &Statement) -> String {
    format!(
        "function={:.8}... outcome={} sequence={} started={}",
        statement.function.to_string(),
        statement.outcome.name(),
        statement.sequence,
        statement.started
    )
}
