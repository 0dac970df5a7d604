use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

/// An integer, or several, of which each has to fit its type: what does not is a `ValueError`, as any
/// other value that is not allowed.
pub(crate) fn integer<'a, 'py, T>(object: &'a Bound<'py, PyAny>) -> PyResult<T>
where
    T: FromPyObject<'a, 'py>,
{
    object.extract::<T>().map_err(|error| {
        let error: PyErr = error.into();
        match error.is_instance_of::<PyOverflowError>(object.py()) {
            true => PyValueError::new_err("an integer is out of range"),
            false => error,
        }
    })
}
