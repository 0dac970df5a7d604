use std::collections::BTreeMap;

use cape_core::UnixTime;
use cape_core::attest::{self, Pcr};
use cape_core::encoding::hex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString};

use crate::buffer::Bytes;
use crate::error::{misused, raised};
use crate::integer::integer;
use crate::several::{Entries, Several};
use crate::text::OwnText;
use crate::time;

/// Measurements of an approved enclave.
#[pyclass(frozen, eq, module = "pycape.policy")]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Release(attest::Release);

#[pymethods]
impl Release {
    #[new]
    #[pyo3(signature = (pcrs, vault = None, name = None, not_after = None))]
    fn new(
        pcrs: Entries<Register, HexOrBytes>,
        vault: Option<HexOrBytes>,
        name: Option<OwnText>,
        not_after: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let pcrs = pcrs.0.into_iter().map(pin).collect::<PyResult<_>>()?;
        let release = attest::Release {
            name: name.map_or_else(|| "unnamed".to_owned(), |name| name.0),
            pcrs,
            vault: vault.map(|vault| vault.take("a vault id")).transpose()?,
            not_after: not_after.map(|day| time::end_of(&day)).transpose()?,
        };
        attest::Policy::new(vec![release.clone()]).map_err(misused)?;
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
    fn new(releases: Several<Bound<'_, Release>>) -> PyResult<Self> {
        let releases = releases.0.iter().map(|release| release.get().0.clone()).collect();
        attest::Policy::new(releases).map(Self).map_err(misused)
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

    fn has_release(&self, digest: &str, #[pyo3(from_py_with = integer)] now_ms: u64) -> bool {
        hex::decode_array(digest)
            .is_some_and(|digest| self.0.approves(&digest, UnixTime::from_millis(now_ms)))
    }

    fn matching(&self, pcrs: Entries<Register, HexOrBytes>) -> PyResult<Option<String>> {
        let pcrs = pcrs.0.into_iter().map(pin).collect::<PyResult<_>>()?;
        Ok(self.0.matching(&pcrs).map(|release| release.name.clone()))
    }

    fn with_alternatives(&self, pcrs: Entries<Register, Several<HexOrBytes>>) -> PyResult<Self> {
        let values = |(Register(index), Several(alternatives))| {
            let values = alternatives.into_iter().map(|value| Ok(pin((Register(index), value))?.1));
            Ok((index, values.collect::<PyResult<_>>()?))
        };
        let alternatives = pcrs.0.into_iter().map(values).collect::<PyResult<_>>()?;
        self.0.with_alternatives(&alternatives).map(Self).map_err(misused)
    }

    fn __repr__(&self) -> String {
        format!("<{:?}>", self.0)
    }
}

/// Bytes, or hexadecimal digits that stand for them; none when they are more than any value has, or
/// when they are no digits.
pub(crate) struct HexOrBytes(Option<Vec<u8>>);

impl<'py> FromPyObject<'_, 'py> for HexOrBytes {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(match object.cast::<PyString>() {
            Ok(text) => match text.to_str()? {
                digits if digits.len() <= 2 * PCR_LENGTH => hex::decode(&digits.to_ascii_lowercase()),
                _ => None,
            },
            Err(_) => match Bytes::extract(object)?.as_slice() {
                bytes if bytes.len() <= PCR_LENGTH => Some(bytes.to_vec()),
                _ => None,
            },
        }))
    }
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
/// Bytes of a register; no value here has more.
const PCR_LENGTH: usize = size_of::<Pcr>();

impl HexOrBytes {
    fn take<const N: usize>(self, what: &str) -> PyResult<[u8; N]> {
        self.0.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
            PyValueError::new_err(format!("{what} has {N} bytes, or {} hexadecimal digits", 2 * N))
        })
    }
}

/// A register and the value that is wanted of it.
fn pin((Register(index), value): (Register, HexOrBytes)) -> PyResult<(u8, Pcr)> {
    Ok((index, value.take(&format!("PCR{index}"))?))
}

/// Registers as Python has them.
pub(crate) fn registers<'py, 'r>(
    py: Python<'py>,
    registers: impl Iterator<Item = (u8, &'r Pcr)>,
) -> BTreeMap<u8, Bound<'py, PyBytes>> {
    registers.map(|(index, value)| (index, PyBytes::new(py, value))).collect()
}
