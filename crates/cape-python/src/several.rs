//! What Python passes several of. An object is asked for its items, not for how many it has: it may say
//! any number.

use std::collections::BTreeMap;

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::integer::integer;

/// More than anything takes; whatever has lower limits states them in its own errors.
const MOST: usize = 65_536;

/// The items of an iterable.
pub(crate) struct Several<T>(pub(crate) Vec<T>);

impl<'a, 'py, T: FromPyObjectOwned<'py>> FromPyObject<'a, 'py> for Several<T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("a list is wanted, not a text"));
        }
        let mut items = Vec::new();
        for item in object.try_iter()? {
            if items.len() == MOST {
                return Err(PyValueError::new_err(format!("at most {MOST} items are allowed")));
            }
            items.push(integer(&item?)?);
        }
        Ok(Self(items))
    }
}

/// The entries of a dictionary.
pub(crate) struct Entries<K, V>(pub(crate) BTreeMap<K, V>);

impl<'a, 'py, K, V> FromPyObject<'a, 'py> for Entries<K, V>
where
    K: FromPyObjectOwned<'py> + Ord,
    V: FromPyObjectOwned<'py>,
{
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        // All of them before any is looked at, which may run code that changes the dictionary; and as they
        // are in it, whatever a class of the caller's says.
        let entries: Vec<_> = object.cast::<PyDict>()?.iter().collect();
        let entry = |(key, value): (Bound<'py, PyAny>, Bound<'py, PyAny>)| {
            Ok((key.extract().map_err(Into::into)?, value.extract().map_err(Into::into)?))
        };
        entries.into_iter().map(entry).collect::<PyResult<_>>().map(Self)
    }
}
