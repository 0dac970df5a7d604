//! The one place where Rust's errors become Python's exceptions.

#[cfg(unix)]
use std::{fmt, io};

use cape_core::{ErrorCode, attest, envelope, identity, receipt, session};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// An error of the core's, whichever module it comes from.
pub(crate) trait CoreError: std::error::Error {
    fn code(&self) -> ErrorCode;

    /// Facts by name, for the exception's `details` and its attributes.
    fn details(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

macro_rules! core_error {
    ($($error:ty),*) => {$(
        impl CoreError for $error {
            fn code(&self) -> ErrorCode {
                self.code()
            }
        }
    )*};
}

core_error!(identity::Error, attest::PolicyFileError, session::NotCompressed);

impl CoreError for envelope::Error {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.details()
    }
}

impl CoreError for attest::Error {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.details()
    }
}

impl CoreError for receipt::Error {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.details()
    }
}

impl CoreError for receipt::FileError {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.details()
    }
}

impl CoreError for session::Error {
    fn code(&self) -> ErrorCode {
        self.code()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.details()
    }
}

/// The exception of `pycape.errors` for an error of the core's.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
pub(crate) fn raised(error: impl CoreError) -> PyErr {
    Python::attach(|py| exception(py, &error).unwrap_or_else(|failure| failure))
}

/// A `ValueError` for arguments that no circumstances make right.
pub(crate) fn misused(error: impl std::error::Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// What sealing raises: a `ValueError` for wrong arguments, but a key that cannot be used is ours.
pub(crate) fn not_sealed(error: envelope::Error) -> PyErr {
    match error {
        envelope::Error::BufferTooSmall { .. }
        | envelope::Error::DuplicateRecipient { .. }
        | envelope::Error::Malformed(_)
        | envelope::Error::TooLong
        | envelope::Error::UseRuleMalformed { .. }
        | envelope::Error::UseRuleUnknown { .. } => misused(error),
        other => raised(other),
    }
}

/// What changing recipients raises: as [`not_sealed`], but that an envelope is malformed is no misuse.
pub(crate) fn not_changed(error: envelope::Error) -> PyErr {
    match error {
        envelope::Error::ChangeRefused(_)
        | envelope::Error::DuplicateRecipient { .. }
        | envelope::Error::RecipientUnknown { .. } => misused(error),
        other => raised(other),
    }
}

#[cfg(unix)]
macro_rules! image_error {
    ($($error:ty => $code:ident),*) => {$(
        impl CoreError for $error {
            fn code(&self) -> ErrorCode {
                ErrorCode::$code
            }
        }
    )*};
}

#[cfg(unix)]
image_error!(
    cape_eif::Error => ImageMalformed,
    cape_eif::WriteError => ImageError,
    cape_eif::cpio::Error => ImageMalformed,
    cape_eif::cpio::TreeError => ImageError,
    cape_eif::signing::SignatureError => ImageError,
    cape_eif::signing::SignerError => KeyInvalid
);

/// What the system says of a file, as an error of ours with its number.
#[cfg(unix)]
pub(crate) fn system_error(error: &io::Error) -> PyErr {
    raised(SystemError { number: error.raw_os_error(), text: error.to_string() })
}

#[cfg(unix)]
#[derive(Debug)]
struct SystemError {
    number: Option<i32>,
    text: String,
}

#[cfg(unix)]
impl CoreError for SystemError {
    fn code(&self) -> ErrorCode {
        ErrorCode::ImageError
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![("errno", self.number.unwrap_or_default().to_string())]
    }
}

#[cfg(unix)]
impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.number.map(|number| format!(" (os error {number})")).unwrap_or_default();
        f.write_str(self.text.strip_suffix(&end).unwrap_or(&self.text))
    }
}

#[cfg(unix)]
impl std::error::Error for SystemError {}

fn exception(py: Python<'_>, error: &impl CoreError) -> PyResult<PyErr> {
    static FROM_WIRE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let from_wire = FROM_WIRE
        .get_or_try_init(py, || py.import("pycape.errors")?.getattr("from_wire").map(Bound::unbind))?;
    let details = PyDict::new(py);
    for (name, fact) in error.details() {
        details.set_item(name, fact)?;
    }
    let exception = from_wire.call1(py, (error.code().name(), error.to_string(), details))?;
    Ok(PyErr::from_value(exception.into_bound(py)))
}
