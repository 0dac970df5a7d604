use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use cape_core::UnixTime;
use cape_core::crypto::Secret;
use cape_core::encoding::base64url;
use cape_core::identity::{
    self, AccountId, Checksum, Egress, EpochRecord, Isolation, NameClaim, OwnerProof, OwnerSession, Request,
    Signed, Version,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::raised;
use crate::random;

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
    fn from_text(text: &str) -> PyResult<Self> {
        identity::Account::from_text(text).map(Self).map_err(raised)
    }

    #[staticmethod]
    fn from_seed(mut seed: [u8; 32]) -> PyResult<Self> {
        identity::Account::from_seed(Secret::take(&mut seed)).map(Self).map_err(raised)
    }

    fn to_text(&self) -> String {
        self.0.to_text().as_str().to_owned()
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
        name: String,
        version: u64,
        bundle_sha256: String,
        bundle_size: u64,
        python: String,
        platform: String,
        handler: String,
        isolation: &str,
        memory_mib: u32,
        timeout_s: u32,
        env: BTreeMap<String, String>,
        min_epoch: u32,
        revocation_max_age_s: Option<u32>,
    ) -> PyResult<String> {
        self.sign(identity::Manifest {
            v: Version,
            account: self.0.id(),
            name,
            version,
            bundle_sha256,
            bundle_size,
            python,
            platform,
            handler,
            isolation: isolation_of(isolation)?,
            memory_mib,
            timeout_s,
            env,
            egress: Egress::None,
            min_epoch,
            revocation_max_age_s,
        })
    }

    #[pyo3(signature = (checksum, lifetime_s, name, now_ms))]
    fn sign_token(
        &self,
        checksum: &str,
        lifetime_s: u64,
        name: Option<String>,
        now_ms: u64,
    ) -> PyResult<String> {
        let mut token = identity::Token::new(
            self.0.id(),
            Checksum::from_str(checksum).map_err(raised)?,
            UnixTime::from_millis(now_ms),
            Duration::from_secs(lifetime_s),
            &mut random::system(),
        );
        token.name = name;
        self.sign(token)
    }

    fn sign_owner_proof(&self, owner_session: &str) -> PyResult<String> {
        let session = base64url::decode_array(owner_session.as_bytes())
            .ok_or_else(|| PyValueError::new_err("an owner session is 32 bytes in base64url"))?;
        self.sign(OwnerProof::new(self.0.id(), OwnerSession::from_bytes(session)))
    }

    fn sign_name_claim(&self, name: String) -> PyResult<String> {
        self.sign(NameClaim { v: Version, account: self.0.id(), name })
    }

    fn sign_epoch_record(&self, epoch: u32) -> PyResult<String> {
        self.sign(EpochRecord { v: Version, account: self.0.id(), epoch })
    }

    fn sign_revocations(
        &self,
        number: u64,
        jtis: Vec<String>,
        checksums: Vec<String>,
        now_ms: u64,
    ) -> PyResult<String> {
        let mut list = identity::RevocationList::new(self.0.id(), number, UnixTime::from_millis(now_ms));
        list.jtis = jtis;
        list.checksums = checksums
            .iter()
            .map(|checksum| Checksum::from_str(checksum))
            .collect::<Result<_, _>>()
            .map_err(raised)?;
        self.sign(list)
    }

    fn sign_request(&self, method: &str, path: &str, now_ms: u64) -> PyResult<String> {
        let now = UnixTime::from_millis(now_ms);
        self.sign(Request::new(self.0.id(), method, path, now, &mut random::system()))
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

/// A function's manifest whose signature holds.
#[pyclass(frozen, module = "pycape")]
pub(crate) struct Manifest(Signed<identity::Manifest>);

#[pymethods]
impl Manifest {
    #[staticmethod]
    fn verify(text: &str) -> PyResult<Self> {
        Signed::read(text).map(Self).map_err(raised)
    }

    #[getter]
    fn text(&self) -> &str {
        self.0.text()
    }

    #[getter]
    fn checksum(&self) -> String {
        self.0.checksum().to_string()
    }

    #[getter]
    fn function_id(&self) -> String {
        self.0.function_id().to_string()
    }

    #[getter]
    fn account(&self) -> String {
        self.0.account.to_string()
    }

    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn version(&self) -> u64 {
        self.0.version
    }

    #[getter]
    fn bundle_sha256(&self) -> &str {
        &self.0.bundle_sha256
    }

    #[getter]
    fn bundle_size(&self) -> u64 {
        self.0.bundle_size
    }

    #[getter]
    fn python(&self) -> &str {
        &self.0.python
    }

    #[getter]
    fn platform(&self) -> &str {
        &self.0.platform
    }

    #[getter]
    fn handler(&self) -> &str {
        &self.0.handler
    }

    #[getter]
    fn isolation(&self) -> &'static str {
        match self.0.isolation {
            Isolation::Call => "call",
            Isolation::Function => "function",
            Isolation::Session => "session",
        }
    }

    #[getter]
    fn memory_mib(&self) -> u32 {
        self.0.memory_mib
    }

    #[getter]
    fn timeout_s(&self) -> u32 {
        self.0.timeout_s
    }

    #[getter]
    fn env(&self) -> BTreeMap<String, String> {
        self.0.env.clone()
    }

    #[getter]
    fn min_epoch(&self) -> u32 {
        self.0.min_epoch
    }

    #[getter]
    fn revocation_max_age_s(&self) -> Option<u32> {
        self.0.revocation_max_age_s
    }

    fn __repr__(&self) -> String {
        format!(
            "<Manifest {}/{} version {} {}>",
            self.0.account,
            self.0.name,
            self.0.version,
            self.0.checksum()
        )
    }
}

/// What a token says; its issuer's signature holds, and nothing else was judged.
#[pyclass(frozen, module = "pycape.tokens")]
pub(crate) struct TokenClaims(Signed<identity::Token>);

#[pymethods]
impl TokenClaims {
    #[staticmethod]
    fn read(text: &str) -> PyResult<Self> {
        Signed::read(text).map(Self).map_err(raised)
    }

    #[getter]
    fn account(&self) -> String {
        self.0.account.to_string()
    }

    #[getter]
    fn checksum(&self) -> String {
        self.0.function.to_string()
    }

    #[getter]
    fn jti(&self) -> &str {
        &self.0.jti
    }

    #[getter]
    fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    #[getter]
    fn issued_at(&self) -> u64 {
        self.0.issued_at.as_seconds()
    }

    #[getter]
    fn expires(&self) -> u64 {
        self.0.expires.as_seconds()
    }

    fn __repr__(&self) -> String {
        format!("<TokenClaims {} for {} until {}>", self.0.jti, self.0.function, self.0.expires)
    }
}

/// An account's revocation list whose signature holds.
#[pyclass(frozen, module = "pycape")]
pub(crate) struct RevocationList(Signed<identity::RevocationList>);

#[pymethods]
impl RevocationList {
    #[staticmethod]
    fn verify(text: &str) -> PyResult<Self> {
        Signed::read(text).map(Self).map_err(raised)
    }

    #[getter]
    fn account(&self) -> String {
        self.0.account.to_string()
    }

    #[getter]
    fn number(&self) -> u64 {
        self.0.number
    }

    #[getter]
    fn issued_at(&self) -> u64 {
        self.0.issued_at.as_seconds()
    }

    #[getter]
    fn jtis(&self) -> Vec<String> {
        self.0.jtis.clone()
    }

    #[getter]
    fn checksums(&self) -> Vec<String> {
        self.0.checksums.iter().map(Checksum::to_string).collect()
    }
}

/// The account and the name of a claim whose signature holds.
#[pyfunction]
pub(crate) fn verify_name_claim(text: &str) -> PyResult<(String, String)> {
    let claim = Signed::<NameClaim>::read(text).map_err(raised)?;
    Ok((claim.account.to_string(), claim.name.clone()))
}

/// The account and the epoch of a record whose signature holds.
#[pyfunction]
pub(crate) fn verify_epoch_record(text: &str) -> PyResult<(String, u32)> {
    let record = Signed::<EpochRecord>::read(text).map_err(raised)?;
    Ok((record.account.to_string(), record.epoch))
}

/// The account that signed a request, which is for this method and path, and recent; and the nonce.
#[pyfunction]
pub(crate) fn verify_request(
    text: &str,
    method: &str,
    path: &str,
    now_ms: u64,
) -> PyResult<(String, String)> {
    let request = Signed::<Request>::read(text).map_err(raised)?;
    request.verify(method, path, UnixTime::from_millis(now_ms)).map_err(raised)?;
    Ok((request.account.to_string(), request.nonce.clone()))
}

/// The id of the function with this checksum.
#[pyfunction]
pub(crate) fn function_id(checksum: &str) -> PyResult<String> {
    Ok(Checksum::from_str(checksum).map_err(raised)?.function_id().to_string())
}

/// Whether text is an account id.
#[pyfunction]
pub(crate) fn is_account_id(text: &str) -> bool {
    AccountId::from_str(text).is_ok()
}

/// Whether text has the form of a function id: 20 bytes in Base58.
#[pyfunction]
pub(crate) fn is_function_id(text: &str) -> bool {
    const ALPHABET: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    (20..=28).contains(&text.len()) && text.chars().all(|symbol| ALPHABET.contains(symbol))
}

fn isolation_of(name: &str) -> PyResult<Isolation> {
    match name {
        "call" => Ok(Isolation::Call),
        "function" => Ok(Isolation::Function),
        "session" => Ok(Isolation::Session),
        _ => Err(PyValueError::new_err(format!(
            "isolation is \"session\", \"call\" or \"function\", not {name:?}"
        ))),
    }
}
