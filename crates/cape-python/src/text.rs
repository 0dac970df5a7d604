use std::borrow::Cow;
use std::collections::BTreeMap;
#[cfg(unix)]
use std::path::PathBuf;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// Text whose readers take some ASCII only: statements, ids, keys, checksums.
///
/// A lone surrogate, which is no text in UTF-8, is one more character that they do not take, and
/// refused with their own errors.
#[derive(FromPyObject)]
#[pyo3(transparent)]
pub(crate) struct Text<'py>(Bound<'py, PyString>);

impl Text<'_> {
    /// The text, with another foreign character for each surrogate.
    pub(crate) fn read(&self) -> Cow<'_, str> {
        self.0.to_string_lossy()
    }
}

/// The beginning of a text as an error quotes it.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(64).collect::<String>())
}

/// Text that is copied, before whoever has a limit for it can say so.
pub(crate) struct OwnText(pub(crate) String);

/// The path of a file, which is longer than any that a system takes only up to a limit.
#[cfg(unix)]
pub(crate) struct OwnPath(pub(crate) PathBuf);

/// Texts that are copied, as [`OwnText`].
pub(crate) struct OwnTexts(pub(crate) Vec<String>);

/// A dictionary of texts that are copied, as [`OwnText`].
pub(crate) struct OwnTextsByName(pub(crate) BTreeMap<String, String>);

impl<'py> FromPyObject<'_, 'py> for OwnText {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Allowance::default().copy(&object).map(Self)
    }
}

#[cfg(unix)]
impl<'py> FromPyObject<'_, 'py> for OwnPath {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let path = object.py().import("os")?.call_method1("fspath", (&*object,))?;
        let text = path.cast::<PyString>()?;
        if text.len()? > MOST_OF_PATH {
            return Err(PyValueError::new_err(format!("a path of more than {MOST_OF_PATH} characters")));
        }
        text.extract().map(Self)
    }
}

impl<'py> FromPyObject<'_, 'py> for OwnTexts {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("a list is wanted, not a text"));
        }
        let mut allowance = Allowance::default();
        object.try_iter()?.map(|item| allowance.copy(&item?)).collect::<PyResult<_>>().map(Self)
    }
}

impl<'py> FromPyObject<'_, 'py> for OwnTextsByName {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let mut allowance = Allowance::default();
        let dictionary = object.cast::<PyDict>()?;
        let entry = |(name, text): (Bound<'py, PyAny>, Bound<'py, PyAny>)| {
            Ok((allowance.copy(&name)?, allowance.copy(&text)?))
        };
        dictionary.iter().map(entry).collect::<PyResult<_>>().map(Self)
    }
}

/// More characters than a path has that any system takes.
#[cfg(unix)]
const MOST_OF_PATH: usize = 1 << 16;

/// More bytes than all texts have that any call takes; whoever has a lower limit says so.
const MOST: usize = 1 << 20;

/// How much may still be copied for one argument; each text counts as some bytes more than it has.
struct Allowance(usize);

impl Default for Allowance {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Allowance {
    fn copy(&mut self, object: &Bound<'_, PyAny>) -> PyResult<String> {
        let text = object.cast::<PyString>()?.to_str()?;
        self.0 = self
            .0
            .checked_sub(text.len() + 16)
            .ok_or_else(|| PyValueError::new_err(format!("more than {MOST} bytes of text")))?;
        Ok(text.to_owned())
    }
}
