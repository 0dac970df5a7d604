use std::str::FromStr;
use std::time::Duration;

use cape_core::UnixTime;
use cape_core::crypto::Secret;
use cape_core::identity::{
    self, Checksum, Egress, EpochRecord, Isolation, NameClaim, OwnerProof, OwnerSession, Request, Signed,
    Version,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::{misused, raised};
use crate::integer::integer;
use crate::random;
use crate::several::Several;
use crate::text::{OwnText, OwnTexts, OwnTextsByName, Text, quoted};

/// An account: an Ed25519 key pair. Its text form is a secret.
#[pyclass(frozen, module = "pycape")]
pub(crate) struct Account(identity::Account);

#[pymethods]
impl Account {
    #[staticmethod]
    fn generate() -> PyResult<Self> {
        identity::Account::generate(&mut random::system()).map(Self).map_err(raised)
    }

    #[staticmethod]
    fn from_text(text: Text<'_>) -> PyResult<Self> {
        identity::Account::from_text(&text.read()).map(Self).map_err(raised)
    }

    #[staticmethod]
    fn from_seed(#[pyo3(from_py_with = integer)] mut seed: [u8; 32]) -> PyResult<Self> {
        identity::Account::from_seed(Secret::take(&mut seed)).map(Self).map_err(raised)
    }

    fn to_text<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, &self.0.to_text())
    }

    #[getter]
    fn id(&self) -> String {
        self.0.id().to_string()
    }

    #[expect(clippy::too_many_arguments, reason = "a manifest has that many fields")]
    #[pyo3(signature = (*, name, version, bundle_sha256, bundle_size, python, platform, handler, isolation,
        memory_mib, timeout_s, env, min_epoch = 0, revocation_max_age_s = None))]
    fn sign_manifest(
        &self,
        name: OwnText,
        #[pyo3(from_py_with = integer)] version: u64,
        bundle_sha256: OwnText,
        #[pyo3(from_py_with = integer)] bundle_size: u64,
        python: OwnText,
        platform: OwnText,
        handler: OwnText,
        isolation: &str,
        #[pyo3(from_py_with = integer)] memory_mib: u32,
        #[pyo3(from_py_with = integer)] timeout_s: u32,
        env: OwnTextsByName,
        #[pyo3(from_py_with = integer)] min_epoch: u32,
        #[pyo3(from_py_with = integer)] revocation_max_age_s: Option<u32>,
    ) -> PyResult<String> {
        self.sign(identity::Manifest {
            v: Version,
            account: self.0.id(),
            name: name.0,
            version,
            bundle_sha256: bundle_sha256.0,
            bundle_size,
            python: python.0,
            platform: platform.0,
            handler: handler.0,
            isolation: isolation_of(isolation)?,
            memory_mib,
            timeout_s,
            env: env.0,
            egress: Egress::None,
            min_epoch,
            revocation_max_age_s,
        })
    }

    #[pyo3(signature = (checksum, lifetime_s, name, now_ms))]
    fn sign_token(
        &self,
        checksum: Text<'_>,
        #[pyo3(from_py_with = integer)] lifetime_s: u64,
        name: Option<OwnText>,
        #[pyo3(from_py_with = integer)] now_ms: u64,
    ) -> PyResult<String> {
        let mut token = identity::Token::new(
            self.0.id(),
            Checksum::from_str(&checksum.read()).map_err(raised)?,
            UnixTime::from_millis(now_ms),
            Duration::from_secs(lifetime_s),
            &mut random::system(),
        );
        token.name = name.map(|name| name.0);
        self.sign(token)
    }

    fn sign_owner_proof(&self, owner_session: &str) -> PyResult<String> {
        let session = OwnerSession::from_str(owner_session).map_err(misused)?;
        self.sign(OwnerProof::new(self.0.id(), session))
    }

    fn sign_name_claim(&self, name: OwnText) -> PyResult<String> {
        self.sign(NameClaim { v: Version, account: self.0.id(), name: name.0 })
    }

    fn sign_epoch_record(&self, #[pyo3(from_py_with = integer)] epoch: u32) -> PyResult<String> {
        self.sign(EpochRecord { v: Version, account: self.0.id(), epoch })
    }

    fn sign_revocations(
        &self,
        #[pyo3(from_py_with = integer)] number: u64,
        jtis: OwnTexts,
        checksums: Several<Text<'_>>,
        #[pyo3(from_py_with = integer)] now_ms: u64,
    ) -> PyResult<String> {
        let mut list = identity::RevocationList::new(self.0.id(), number, UnixTime::from_millis(now_ms));
        list.jtis = jtis.0;
        list.checksums = checksums
            .0
            .iter()
            .map(|checksum| Checksum::from_str(&checksum.read()))
            .collect::<Result<_, _>>()
            .map_err(raised)?;
        self.sign(list)
    }

    fn sign_request(
        &self,
        method: OwnText,
        path: OwnText,
        #[pyo3(from_py_with = integer)] now_ms: u64,
    ) -> PyResult<String> {
        let now = UnixTime::from_millis(now_ms);
        self.sign(Request::new(self.0.id(), &method.0, &path.0, now, &mut random::system()))
    }

    fn __repr__(&self) -> String {
        format!("<Account {}>", self.0.id())
    }
}

impl Account {
    fn sign<T: identity::Statement>(&self, statement: T) -> PyResult<String> {
        Ok(Signed::sign(statement, &self.0).map_err(raised)?.text().to_owned())
    }
}

fn isolation_of(name: &str) -> PyResult<Isolation> {
    match name {
        "call" => Ok(Isolation::Call),
        "function" => Ok(Isolation::Function),
        "session" => Ok(Isolation::Session),
        _ => Err(PyValueError::new_err(format!(
            "isolation is \"session\", \"call\" or \"function\", not {}",
            quoted(name)
        ))),
    }
}
