//! What accounts have signed; each of these has a signature that holds.

use std::collections::BTreeMap;
use std::str::FromStr;

use cape_core::UnixTime;
use cape_core::identity::{
    self, AccountId, AnyStatement, Checksum, EpochRecord, FunctionId, Isolation, NameClaim, Request, Signed,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::raised;
use crate::integer::integer;
use crate::text::Text;

/// A function's manifest whose signature holds.
#[pyclass(frozen, module = "pycape")]
pub(crate) struct Manifest(Signed<identity::Manifest>);

#[pymethods]
impl Manifest {
    #[staticmethod]
    fn verify(text: Text<'_>) -> PyResult<Self> {
        Signed::read(&text.read()).map(Self).map_err(raised)
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
    fn max_epoch(&self) -> u32 {
        *self.0.epochs().end()
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
    fn read(text: Text<'_>) -> PyResult<Self> {
        Signed::read(&text.read()).map(Self).map_err(raised)
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
    fn verify(text: Text<'_>) -> PyResult<Self> {
        Signed::read(&text.read()).map(Self).map_err(raised)
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
pub(crate) fn verify_name_claim(text: Text<'_>) -> PyResult<(String, String)> {
    let claim = Signed::<NameClaim>::read(&text.read()).map_err(raised)?;
    Ok((claim.account.to_string(), claim.name.clone()))
}

/// The account and the epoch of a record whose signature holds.
#[pyfunction]
pub(crate) fn verify_epoch_record(text: Text<'_>) -> PyResult<(String, u32)> {
    let record = Signed::<EpochRecord>::read(&text.read()).map_err(raised)?;
    Ok((record.account.to_string(), record.epoch))
}

/// The account that signed a request, which is for this method and path, and recent; and the nonce.
#[pyfunction]
pub(crate) fn verify_request(
    text: Text<'_>,
    method: &str,
    path: &str,
    #[pyo3(from_py_with = integer)] now_ms: u64,
) -> PyResult<(String, String)> {
    let request = Signed::<Request>::read(&text.read()).map_err(raised)?;
    request.verify(method, path, UnixTime::from_millis(now_ms)).map_err(raised)?;
    Ok((request.account.to_string(), request.nonce.clone()))
}

/// The type, the account and the payload of a statement whose signature holds; None for other text.
#[pyfunction]
pub(crate) fn read_statement<'py>(
    py: Python<'py>,
    text: Text<'_>,
) -> PyResult<Option<(&'static str, String, Bound<'py, PyBytes>)>> {
    let statement = AnyStatement::read(&text.read()).map_err(raised)?;
    Ok(statement
        .map(|it| (it.statement_type().as_str(), it.account().to_string(), PyBytes::new(py, it.payload()))))
}

/// The id of the function with this checksum.
#[pyfunction]
pub(crate) fn function_id(checksum: Text<'_>) -> PyResult<String> {
    Ok(Checksum::from_str(&checksum.read()).map_err(raised)?.function_id().to_string())
}

/// Whether text is an account id.
#[pyfunction]
pub(crate) fn is_account_id(text: Text<'_>) -> bool {
    AccountId::from_str(&text.read()).is_ok()
}

/// Whether text is a function id: 20 bytes in Base58.
#[pyfunction]
pub(crate) fn is_function_id(text: Text<'_>) -> bool {
    FunctionId::from_str(&text.read()).is_ok()
}
