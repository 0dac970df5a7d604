use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cape_core::UnixTime;
use cape_core::attest::{self, DEFAULT_MAX_SKEW, Document, Expectation, ExpectedNonce, Freshness};
use cape_core::encoding::hex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt};

use crate::buffer::Bytes;
use crate::error::raised;
use crate::time;

/// Measurements of an approved enclave.
#[pyclass(frozen, eq, module = "pycape.policy")]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Release(attest::Release);

/// Bytes, or hexadecimal digits that stand for them.
#[derive(FromPyObject)]
pub(crate) enum HexOrBytes {
    #[pyo3(transparent)]
    Hex(String),
    #[pyo3(transparent)]
    Bytes(Vec<u8>),
}

/// The index of a register.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Register(u8);

impl<'a, 'py> FromPyObject<'a, 'py> for Register {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let index = object.cast::<PyInt>()?.extract().ok().filter(|index| *index <= MAX_REGISTER);
        index.map(Self).ok_or_else(|| {
            PyValueError::new_err(format!("a PCR has an index of 0 to {MAX_REGISTER}, not {}", &*object))
        })
    }
}

const MAX_REGISTER: u8 = 31;

impl HexOrBytes {
    fn take<const N: usize>(self, what: &str) -> PyResult<[u8; N]> {
        let bytes = match self {
            Self::Hex(text) => hex::decode(&text.to_ascii_lowercase()),
            Self::Bytes(bytes) => Some(bytes),
        };
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
            PyValueError::new_err(format!("{what} has {N} bytes, or {} hexadecimal digits", 2 * N))
        })
    }
}

#[pymethods]
impl Release {
    #[new]
    #[pyo3(signature = (pcrs, vault = None, name = None, not_after = None))]
    fn new(
        pcrs: BTreeMap<Register, HexOrBytes>,
        vault: Option<HexOrBytes>,
        name: Option<String>,
        not_after: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let pcrs = pcrs
            .into_iter()
            .map(|(Register(index), value)| Ok((index, value.take(&format!("PCR{index}"))?)))
            .collect::<PyResult<_>>()?;
        let release = attest::Release {
            name: name.unwrap_or_else(|| "unnamed".to_owned()),
            pcrs,
            vault: vault.map(|vault| vault.take("a vault id")).transpose()?,
            not_after: not_after.map(|day| time::end_of(&day)).transpose()?,
        };
        attest::Policy::new(vec![release.clone()])
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self(release))
    }

    #[getter]
    fn pcrs<'py>(&self, py: Python<'py>) -> BTreeMap<u8, Bound<'py, PyBytes>> {
        registers(py, self.0.pcrs.iter().map(|(index, value)| (*index, value)))
    }

    #[getter]
    fn vault<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.vault.map(|vault| PyBytes::new(py, &vault))
    }

    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn not_after<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.not_after.map(|not_after| time::to_datetime(py, not_after)).transpose()
    }

    #[getter]
    fn digest(&self) -> String {
        hex::encode(&self.0.digest())
    }

    fn __repr__(&self) -> String {
        format!("<Release {:?}>", self.0.name)
    }
}

/// The releases to accept.
#[pyclass(frozen, module = "pycape.policy")]
pub(crate) struct Policy(pub(crate) attest::Policy);

#[pymethods]
impl Policy {
    #[new]
    fn new(releases: Vec<Bound<'_, Release>>) -> PyResult<Self> {
        policy_of(releases.iter().map(|release| release.get().0.clone()).collect())
    }

    #[staticmethod]
    fn from_toml(text: &str) -> PyResult<Self> {
        attest::Policy::from_toml(text).map(Self).map_err(raised)
    }

    #[staticmethod]
    fn insecure_any_code() -> Self {
        Self(attest::Policy::insecure_any_code())
    }

    fn to_toml(&self) -> String {
        self.0.to_toml()
    }

    #[getter]
    fn releases(&self) -> Vec<Release> {
        self.0.releases().cloned().map(Release).collect()
    }

    #[getter]
    fn is_insecure(&self) -> bool {
        self.0.accepts_any_code()
    }

    fn has_release(&self, digest: &str, now_ms: u64) -> bool {
        let now = UnixTime::from_millis(now_ms);
        self.0
            .releases()
            .any(|release| hex::encode(&release.digest()) == digest && release.is_approved_at(now))
    }

    fn matching(&self, pcrs: BTreeMap<u8, Vec<u8>>) -> Option<String> {
        let fits = |release: &&attest::Release| {
            release.pcrs.iter().all(|(index, value)| pcrs.get(index).is_some_and(|actual| actual == value))
        };
        self.0.releases().find(fits).map(|release| release.name.clone())
    }

    fn with_alternatives(&self, pcrs: BTreeMap<Register, Vec<HexOrBytes>>) -> PyResult<Self> {
        let mut combinations = vec![BTreeMap::new()];
        for (Register(index), alternatives) in pcrs {
            let values = alternatives
                .into_iter()
                .map(|value| value.take::<48>(&format!("PCR{index}")))
                .collect::<PyResult<Vec<_>>>()?;
            combinations = combinations
                .iter()
                .flat_map(|combination| {
                    values.iter().map(move |value| {
                        let mut extended = combination.clone();
                        extended.insert(index, *value);
                        extended
                    })
                })
                .collect();
            if combinations.len() > MAX_COMBINATIONS {
                return Err(PyValueError::new_err(format!(
                    "more than {MAX_COMBINATIONS} combinations of PCRs"
                )));
            }
        }
        let mut vaults: Vec<_> = self.0.releases().map(|release| release.vault).collect();
        vaults.sort_unstable();
        vaults.dedup();
        let releases = vaults
            .iter()
            .flat_map(|vault| {
                combinations.iter().map(|pcrs| attest::Release {
                    name: "pcrs".to_owned(),
                    pcrs: pcrs.clone(),
                    vault: *vault,
                    not_after: None,
                })
            })
            .collect();
        policy_of(releases)
    }

    fn __repr__(&self) -> String {
        format!("<{:?}>", self.0)
    }
}

/// Alternatives for several registers multiply; nobody means more than this.
const MAX_COMBINATIONS: usize = 256;

fn policy_of(releases: Vec<attest::Release>) -> PyResult<Policy> {
    attest::Policy::new(releases).map(Policy).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Where a chain may end.
#[pyclass(frozen, module = "pycape.attestation")]
pub(crate) struct TrustRoots(pub(crate) attest::TrustRoots);

#[pymethods]
impl TrustRoots {
    #[new]
    fn new(certificates: Vec<Bytes>) -> PyResult<Self> {
        attest::TrustRoots::development(certificates.iter().map(|der| der.as_slice().to_vec()).collect())
            .map(Self)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    #[staticmethod]
    fn aws() -> Self {
        Self(attest::TrustRoots::aws())
    }

    #[staticmethod]
    fn development(certificates: Vec<Bytes>) -> PyResult<Self> {
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
pub(crate) struct ChainCache(Mutex<attest::ChainCache>);

#[pymethods]
impl ChainCache {
    #[new]
    fn new() -> Self {
        Self(Mutex::new(attest::ChainCache::new()))
    }

    fn __len__(&self) -> usize {
        self.lock().len()
    }
}

impl ChainCache {
    pub(crate) fn lock(&self) -> MutexGuard<'_, attest::ChainCache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            self.0.module_id(),
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
        format!("<UnverifiedAttestation module={} at={}>", self.0.module_id, self.0.timestamp)
    }
}

/// Judges a document of any enclave's.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "the arguments of pycape.attestation.verify")]
pub(crate) fn verify_document(
    py: Python<'_>,
    document: Bytes,
    policy: &Policy,
    nonce: Option<Bytes>,
    trust_roots: &TrustRoots,
    now_ms: u64,
    max_age_ms: u64,
    cache: Option<&ChainCache>,
) -> PyResult<VerifiedAttestation> {
    let nonce = nonce.as_ref().map(Bytes::as_slice).map_or(ExpectedNonce::Unchecked, ExpectedNonce::Exactly);
    let expectation = Expectation {
        freshness: Freshness::Recent {
            max_age: Duration::from_millis(max_age_ms),
            max_skew: DEFAULT_MAX_SKEW,
        },
        ..Expectation::any(nonce)
    };
    verify(py, document.as_slice(), policy, trust_roots, &expectation, UnixTime::from_millis(now_ms), cache)
}

/// Judges a vault's birth document at its own time.
#[pyfunction]
pub(crate) fn verify_birth_document(
    py: Python<'_>,
    document: Bytes,
    trust_roots: &TrustRoots,
    policy: &Policy,
    now_ms: u64,
) -> PyResult<VerifiedAttestation> {
    let now = UnixTime::from_millis(now_ms);
    verify(py, document.as_slice(), policy, trust_roots, &Expectation::vault_birth(), now, None)
}

/// The fields of a document, unjudged.
#[pyfunction]
pub(crate) fn inspect_document(document: Bytes) -> PyResult<UnverifiedAttestation> {
    let document = Document::parse(document.as_slice()).map_err(raised)?;
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
        let mut cache = cache.map(ChainCache::lock);
        let document = Document::parse(document).map_err(Box::new)?;
        document.verify(&roots.0, &policy.0, expectation, now, cache.as_deref_mut()).map_err(Box::new)
    })
    .map(VerifiedAttestation)
    .map_err(|error: Box<attest::Error>| raised(*error))
}

fn registers<'py, 'r>(
    py: Python<'py>,
    registers: impl Iterator<Item = (u8, &'r [u8; 48])>,
) -> BTreeMap<u8, Bound<'py, PyBytes>> {
    registers.map(|(index, value)| (index, PyBytes::new(py, value))).collect()
}
