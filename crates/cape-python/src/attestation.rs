use std::collections::BTreeMap;
use std::time::Duration;

use cape_core::UnixTime;
use cape_core::attest::{self, DEFAULT_MAX_SKEW, Document, Expectation, ExpectedNonce, Freshness, Purpose};
use cape_core::encoding::hex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::{Bytes, Copied};
use crate::error::{misused, raised};
use crate::integer::integer;
use crate::policy::{Policy, registers};
use crate::several::Several;
use crate::text::quoted;
use crate::time;

/// Where a chain may end.
#[pyclass(frozen, module = "pycape.attestation")]
pub(crate) struct TrustRoots(pub(crate) attest::TrustRoots);

#[pymethods]
impl TrustRoots {
    #[new]
    fn new(certificates: Several<Bytes>) -> PyResult<Self> {
        attest::TrustRoots::development(certificates.0.iter().map(Bytes::as_slice)).map(Self).map_err(misused)
    }

    #[staticmethod]
    fn aws() -> Self {
        Self(attest::TrustRoots::aws())
    }

    #[staticmethod]
    fn development(certificates: Several<Bytes>) -> PyResult<Self> {
        Self::new(certificates)
    }

    #[getter]
    fn digests(&self) -> Vec<String> {
        self.0.fingerprints().map(|digest| hex::encode(&digest)).collect()
    }

    fn __repr__(&self) -> String {
        format!("<{:?}>", self.0)
    }
}

/// Remembers verified certificates.
#[pyclass(frozen, module = "pycape.attestation")]
pub(crate) struct ChainCache(pub(crate) attest::ChainCache);

#[pymethods]
impl ChainCache {
    #[new]
    fn new() -> Self {
        Self(attest::ChainCache::new())
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("<ChainCache of {} certificates>", self.0.len())
    }
}

/// One certificate of a verified chain.
#[pyclass(frozen, module = "pycape.attestation")]
pub(crate) struct Certificate(attest::ChainCertificate);

#[pymethods]
impl Certificate {
    #[getter]
    fn subject(&self) -> &str {
        &self.0.subject
    }

    #[getter]
    fn not_before<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time::to_datetime(py, self.0.not_before)
    }

    #[getter]
    fn not_after<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time::to_datetime(py, self.0.not_after)
    }

    fn __repr__(&self) -> String {
        let attest::ChainCertificate { subject, not_before, not_after } = &self.0;
        format!("<Certificate {subject:?} {not_before} to {not_after}>")
    }
}

/// A document that passed every check.
#[pyclass(frozen, module = "pycape.attestation")]
pub(crate) struct VerifiedAttestation(pub(crate) attest::VerifiedAttestation);

#[pymethods]
impl VerifiedAttestation {
    #[getter]
    fn document<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.document())
    }

    #[getter]
    fn module_id(&self) -> &str {
        self.0.module_id()
    }

    #[getter]
    fn timestamp<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time::to_datetime(py, self.0.timestamp())
    }

    #[getter]
    fn pcrs<'py>(&self, py: Python<'py>) -> BTreeMap<u8, Bound<'py, PyBytes>> {
        registers(py, self.0.pcrs().iter().map(|(index, value)| (*index, value)))
    }

    #[getter]
    fn public_key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.public_key().map(|bytes| PyBytes::new(py, bytes))
    }

    #[getter]
    fn user_data<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.user_data().map(|bytes| PyBytes::new(py, bytes))
    }

    #[getter]
    fn nonce<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.nonce().map(|bytes| PyBytes::new(py, bytes))
    }

    #[getter]
    fn nonce_checked(&self) -> bool {
        self.0.nonce_checked()
    }

    #[getter]
    fn trust(&self) -> &'static str {
        self.0.trust().name()
    }

    #[getter]
    fn trust_root_digest(&self) -> String {
        hex::encode(self.0.root_fingerprint())
    }

    #[getter]
    fn release(&self) -> Option<&str> {
        self.0.release().map(|release| release.name.as_str())
    }

    #[getter]
    fn release_digest(&self) -> Option<String> {
        self.0.release().map(|release| hex::encode(&release.digest()))
    }

    #[getter]
    fn vault<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.vault().map(|vault| PyBytes::new(py, &vault))
    }

    #[getter]
    fn document_sha384(&self) -> String {
        hex::encode(&self.0.document_sha384())
    }

    #[getter]
    fn chain(&self) -> Vec<Certificate> {
        self.0.chain().iter().cloned().map(Certificate).collect()
    }

    fn __repr__(&self) -> String {
        let pcr0 = self.0.pcrs().get(&0).map_or_else(String::new, |value| hex::encode(value));
        format!(
            "<VerifiedAttestation pcr0={:.8}... module={} trust={} at={}>",
            pcr0,
            self.0.module_id().escape_debug(),
            self.0.trust(),
            self.0.timestamp()
        )
    }
}

/// What a document claims. Nothing of it was checked.
#[pyclass(frozen, module = "pycape.attestation")]
pub(crate) struct UnverifiedAttestation(attest::Unverified);

#[pymethods]
impl UnverifiedAttestation {
    #[getter]
    fn module_id(&self) -> &str {
        &self.0.module_id
    }

    #[getter]
    fn timestamp<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        time::to_datetime(py, self.0.timestamp)
    }

    #[getter]
    fn pcrs<'py>(&self, py: Python<'py>) -> BTreeMap<u8, Bound<'py, PyBytes>> {
        registers(py, self.0.pcrs.iter().map(|(index, value)| (*index, value)))
    }

    #[getter]
    fn public_key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.public_key.as_ref().map(|bytes| PyBytes::new(py, bytes))
    }

    #[getter]
    fn user_data<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.user_data.as_ref().map(|bytes| PyBytes::new(py, bytes))
    }

    #[getter]
    fn nonce<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.nonce.as_ref().map(|bytes| PyBytes::new(py, bytes))
    }

    fn __repr__(&self) -> String {
        // Anybody may have written it: it must not write on a terminal.
        let module = self.0.module_id.escape_debug();
        format!("<UnverifiedAttestation module={module} at={}>", self.0.timestamp)
    }
}

/// Judges a document of any enclave's.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the arguments of pycape.attestation.verify")]
pub(crate) fn verify_document(
    py: Python<'_>,
    document: Copied,
    policy: &Policy,
    nonce: Option<Copied>,
    trust_roots: &TrustRoots,
    #[pyo3(from_py_with = integer)] now_ms: u64,
    #[pyo3(from_py_with = integer)] max_age_ms: u64,
    purpose: &str,
    cache: Option<&ChainCache>,
) -> PyResult<VerifiedAttestation> {
    let nonce = nonce.as_deref().map_or(ExpectedNonce::Unchecked, ExpectedNonce::Exactly);
    let expectation = Expectation {
        purpose: named(purpose)?,
        freshness: Freshness::Recent {
            max_age: Duration::from_millis(max_age_ms),
            max_skew: DEFAULT_MAX_SKEW,
        },
        ..Expectation::any(nonce)
    };
    verify(py, &document, policy, trust_roots, &expectation, UnixTime::from_millis(now_ms), cache)
}

fn named(purpose: &str) -> PyResult<Purpose> {
    match purpose {
        "any" => Ok(Purpose::Any),
        "session" => Ok(Purpose::Session),
        other => Err(PyValueError::new_err(format!("purpose is 'any' or 'session', not {}", quoted(other)))),
    }
}

/// Judges a vault's birth document at its own time.
#[pyfunction]
pub(crate) fn verify_birth_document(
    py: Python<'_>,
    document: Copied,
    trust_roots: &TrustRoots,
    policy: &Policy,
    #[pyo3(from_py_with = integer)] now_ms: u64,
) -> PyResult<VerifiedAttestation> {
    let now = UnixTime::from_millis(now_ms);
    verify(py, &document, policy, trust_roots, &Expectation::vault_birth(), now, None)
}

/// The fields of a document, unjudged.
#[pyfunction]
pub(crate) fn inspect_document(document: Copied) -> PyResult<UnverifiedAttestation> {
    let document = Document::parse(&document).map_err(raised)?;
    Ok(UnverifiedAttestation(document.inspect()))
}

fn verify(
    py: Python<'_>,
    document: &[u8],
    policy: &Policy,
    roots: &TrustRoots,
    expectation: &Expectation<'_>,
    now: UnixTime,
    cache: Option<&ChainCache>,
) -> PyResult<VerifiedAttestation> {
    py.detach(|| {
        let document = Document::parse(document).map_err(Box::new)?;
        document.verify(&roots.0, &policy.0, expectation, now, cache.map(|cache| &cache.0)).map_err(Box::new)
    })
    .map(VerifiedAttestation)
    .map_err(|error: Box<attest::Error>| raised(*error))
}
