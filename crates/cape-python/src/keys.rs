use cape_core::crypto::Kem;
use cape_core::envelope::{self, KeyType};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::buffer::Copied;
use crate::error::raised;
use crate::random;
use crate::text::{Text, quoted};

/// A public key that data can be sealed for.
#[pyclass(frozen, eq, hash, module = "pycape.keys")]
#[derive(PartialEq, Eq)]
pub(crate) struct PublicKey(pub(crate) envelope::PublicKey);

impl std::hash::Hash for PublicKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.as_raw().hash(state);
    }
}

#[pymethods]
impl PublicKey {
    #[staticmethod]
    fn from_raw(kind: &str, raw: Copied) -> PyResult<Self> {
        envelope::PublicKey::from_raw(key_type(kind)?, &raw).map(Self).map_err(raised)
    }

    #[staticmethod]
    fn from_text(text: Text<'_>) -> PyResult<Self> {
        envelope::PublicKey::from_text(&text.read()).map(Self).map_err(raised)
    }

    fn to_raw<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_raw())
    }

    fn to_text(&self) -> String {
        self.0.to_text()
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.0.key_type().name()
    }

    #[getter]
    fn key_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.key_id().as_bytes())
    }

    #[getter]
    fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }

    fn __repr__(&self) -> String {
        format!("<PublicKey {} {}>", self.kind(), self.0.fingerprint())
    }
}

/// A private key: it opens what was sealed for its public key.
#[pyclass(frozen, module = "pycape.keys")]
pub(crate) struct PrivateKey(pub(crate) envelope::PrivateKey);

#[pymethods]
impl PrivateKey {
    #[staticmethod]
    #[pyo3(signature = (kind = "xwing"))]
    fn generate(kind: &str) -> PyResult<Self> {
        let kem = Kem::from_name(kind).ok_or_else(|| {
            PyValueError::new_err(format!(
                "a key of kind \"xwing\" or \"x25519\" can be made, not {}",
                quoted(kind)
            ))
        })?;
        Ok(Self(envelope::PrivateKey::generate(kem, &mut random::system())))
    }

    #[staticmethod]
    fn from_raw(kind: &str, raw: Copied) -> PyResult<Self> {
        envelope::PrivateKey::from_raw(key_type(kind)?, &raw).map(Self).map_err(raised)
    }

    #[staticmethod]
    fn from_text(text: Text<'_>) -> PyResult<Self> {
        envelope::PrivateKey::from_text(&text.read()).map(Self).map_err(raised)
    }

    fn to_raw<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.expose_raw())
    }

    fn to_text<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, &self.0.to_text())
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.0.public_key().key_type().name()
    }

    #[getter]
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.public_key().clone())
    }

    fn __repr__(&self) -> String {
        format!("<PrivateKey {} of {}>", self.kind(), self.0.public_key().fingerprint())
    }
}

fn key_type(name: &str) -> PyResult<KeyType> {
    KeyType::from_name(name).ok_or_else(|| {
        PyValueError::new_err(format!(
            "a key's kind is \"xwing\", \"x25519\" or \"rsa\", not {}",
            quoted(name)
        ))
    })
}
