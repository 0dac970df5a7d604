use std::sync::Mutex;

use cape_core::session;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::{Bytes, detached};
use crate::error::raised;
use crate::output::copied;
use crate::threads::lock;

/// Turns a bundle, piece by piece, into one zstd stream.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct Compressor(Mutex<Option<session::Compressor>>);

#[pymethods]
impl Compressor {
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self(Mutex::new(Some(session::Compressor::new().map_err(raised)?))))
    }

    #[staticmethod]
    fn pays(py: Python<'_>, sample: Bytes) -> PyResult<bool> {
        let sample = sample.as_slice();
        detached(py, sample.len(), || session::Compressor::pays(sample)).map_err(raised)
    }

    fn compress<'py>(&self, py: Python<'py>, content: Bytes) -> PyResult<Bound<'py, PyBytes>> {
        let content = content.as_slice();
        let compress = || lock(&self.0).as_mut().map(|compressor| compressor.compress(content));
        copied(py, &detached(py, content.len(), compress).ok_or_else(ended)?.map_err(raised)?)
    }

    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let compressor = lock(&self.0).take().ok_or_else(ended)?;
        copied(py, &py.detach(|| compressor.finish()).map_err(raised)?)
    }
}

fn ended() -> PyErr {
    PyValueError::new_err("the stream has ended")
}
