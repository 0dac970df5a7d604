//! An enclave in this process, for tests of what its users write: the simulated security module, a vault
//! that is made with it, the key of its receipts. It protects nothing; what comes of it verifies under a
//! root of its own alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cape_core::UnixTime;
use cape_core::attest::{SessionData, VaultBirth};
use cape_core::crypto::{Secret, sha256};
use cape_core::identity::{
    self, AccountId, Caller, Credential, OwnerProof, OwnerSession, RevocationNumbers, Signed, Vault,
};
use cape_core::receipt::Signer;
use cape_core::session::{
    KeyAnswer, KeyRequest, Mode, Query, RuntimeDescription, RuntimeLimits, ServerHandshake, Suite,
};
use cape_nsm::{AttestationFields, Measurements, Nsm, Pki, SimulatedNsm};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::Bytes;
use crate::enclave_session::EnclaveHandshake;
use crate::error::{misused, raised};
use crate::integer::integer;
use crate::output::copied;
use crate::random;
use crate::text::{OwnText, Text};

/// An enclave whose secrets are this process's.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct InsecureEnclave {
    nsm: SimulatedNsm,
    /// What the security module takes for the time, in milliseconds since 1970.
    clock: Arc<AtomicU64>,
    root: Vec<u8>,
    user_data: Vec<u8>,
    revocations: RevocationNumbers,
    pub(crate) description: Vec<u8>,
    pub(crate) signer: Signer,
    pub(crate) vault: Vault,
}

#[pymethods]
impl InsecureEnclave {
    /// The shim that runs functions, as the runtime has it.
    #[classattr]
    const SHIM: &str = include_str!("../../../enclave-runtime/shim/shim.py");

    #[new]
    #[pyo3(signature = (*, pcrs, python, platform, limits, now_ms))]
    fn new(
        #[pyo3(from_py_with = integer)] pcrs: ([u8; 48], [u8; 48], [u8; 48]),
        python: OwnText,
        platform: OwnText,
        #[pyo3(from_py_with = integer)] limits: (u64, u64, u64),
        #[pyo3(from_py_with = integer)] now_ms: u64,
    ) -> PyResult<Self> {
        let pki = Pki::in_memory(now_ms).map_err(misused)?;
        let root = pki.root().to_vec();
        let (pcr0, pcr1, pcr2) = pcrs;
        let clock = Arc::new(AtomicU64::new(now_ms));
        let told = Arc::clone(&clock);
        let nsm = SimulatedNsm::start(pki, &Measurements { pcr0, pcr1, pcr2 }, move || {
            told.load(Ordering::Relaxed)
        })
        .map_err(misused)?;
        let vault = Vault::new(Secret::random(&mut random::system()));
        let signer = Signer::new().map_err(|_| PyRuntimeError::new_err("no receipt key was made"))?;
        let (calls, run_bytes, deploy_bytes) = limits;
        let description = RuntimeDescription {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode: Mode::Development,
            python: python.0,
            platform: platform.0,
            isolation: Vec::new(),
            vault_backends: Vec::new(),
            limits: RuntimeLimits { calls, run_bytes, deploy_bytes, handshakes: u64::from(u32::MAX) },
        }
        .encode();
        let session = SessionData {
            vault: vault.id(),
            runtime: sha256(&[&description]),
            receipts: sha256(&[signer.key()]),
        };
        let user_data = session.to_user_data();
        let revocations = RevocationNumbers::default();
        Ok(Self { nsm, clock, root, user_data, revocations, description, signer, vault })
    }

    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.root)
    }

    #[getter]
    fn vault<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.vault.id())
    }

    /// The document of the vault's birth.
    fn birth<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] now_ms: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let birth = VaultBirth { key: "file".to_owned(), vault: self.vault.id() };
        copied(py, &self.document(&birth.to_user_data(), None, now_ms)?)
    }

    fn handshake(
        &self,
        query: OwnText,
        #[pyo3(from_py_with = integer)] now_ms: u64,
    ) -> PyResult<EnclaveHandshake> {
        let query = Query::parse(&query.0).map_err(misused)?;
        let handshake = ServerHandshake::new(&query, &Suite::ALL, &mut random::system()).map_err(misused)?;
        let document = self.document(&self.user_data, Some(handshake.leaf()), now_ms)?;
        Ok(EnclaveHandshake::new(handshake, &document))
    }

    /// A function's input, opened.
    fn open_input<'py>(
        &self,
        py: Python<'py>,
        manifest: Text<'_>,
        ciphertext: Bytes,
        #[pyo3(from_py_with = integer)] now_ms: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let function = read_manifest(&manifest)?;
        let opened = self.vault.open_input(&function, ciphertext.as_slice(), UnixTime::from_millis(now_ms));
        copied(py, &opened.map_err(raised)?)
    }
}

impl InsecureEnclave {
    fn document(&self, user_data: &[u8], nonce: Option<&[u8; 32]>, now_ms: u64) -> PyResult<Vec<u8>> {
        self.clock.store(now_ms, Ordering::Relaxed);
        let nonce = nonce.map(<[u8; 32]>::as_slice);
        let fields = AttestationFields { user_data: Some(user_data), nonce, public_key: None };
        self.nsm.attest(fields).map_err(misused)
    }

    /// Who may run the function over that session.
    pub(crate) fn authorize(
        &self,
        function: &Signed<identity::Manifest>,
        credential: &Credential,
        statements: &[String],
        session: &OwnerSession,
        now: UnixTime,
    ) -> Result<Caller, identity::Error> {
        let records = identity::Records::read(statements.iter().map(String::as_str))?;
        identity::authorize(function, credential, &records, session, &self.revocations, now)
    }

    /// What is answered to who asks for an account's key.
    pub(crate) fn key(&self, request: KeyRequest, statements: &[String]) -> PyResult<KeyAnswer> {
        let account = AccountId::from_bytes(request.account);
        let records = identity::Records::read(statements.iter().map(String::as_str)).map_err(raised)?;
        let epoch = records.epoch_of(account).map_err(raised)?;
        let key = self.vault.account_key(request.kem, account, epoch);
        Ok(KeyAnswer {
            request,
            epoch,
            public_key: key.public_key().map_err(|error| PyRuntimeError::new_err(error.to_string()))?,
        })
    }
}

/// A manifest whose signature holds.
pub(crate) fn read_manifest(text: &Text<'_>) -> PyResult<Signed<identity::Manifest>> {
    Signed::read(&text.read()).map_err(raised)
}

/// A proof that the account of a function is there itself.
pub(crate) fn check_owner(
    function: &Signed<identity::Manifest>,
    proof: &str,
    session: &OwnerSession,
) -> Result<(), identity::Error> {
    Signed::<OwnerProof>::read(proof)?.verify(function.account, session)
}
