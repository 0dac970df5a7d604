use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::PyString;

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
