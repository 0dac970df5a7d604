use std::sync::Mutex;

use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use crate::buffer::{Bytes, detached};
use crate::integer::integer;
use crate::threads::lock;

/// The largest window that is taken, in bytes as a power of two: what `zstd` itself takes.
const WINDOW_LOG: u32 = 27;
/// The most bytes that come out at a time.
const MOST: usize = 1 << 20;

/// Reads zstd streams (RFC 8878), of which little is held at a time.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct ZstdDecompressor(Mutex<State>);

struct State {
    context: DCtx<'static>,
    is_within_frame: bool,
}

#[pymethods]
impl ZstdDecompressor {
    #[new]
    fn new() -> PyResult<Self> {
        let no_memory = || PyMemoryError::new_err("there is no memory to decompress in");
        let mut context = DCtx::try_create().ok_or_else(no_memory)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(malformed)?;
        Ok(Self(Mutex::new(State { context, is_within_frame: false })))
    }

    /// Whether the stream cannot end here.
    #[getter]
    fn is_within_frame(&self) -> bool {
        lock(&self.0).is_within_frame
    }

    /// What comes out, at most `most` bytes, and how many bytes went in.
    fn decompress<'py>(
        &self,
        py: Python<'py>,
        data: Bytes,
        #[pyo3(from_py_with = integer)] most: usize,
    ) -> PyResult<(Bound<'py, PyBytes>, usize)> {
        // Copied, since a library shall not see them change.
        let data = data.to_vec()?;
        let mut out = Vec::with_capacity(most.min(MOST));
        let taken = detached(py, data.len(), || {
            let mut state = lock(&self.0);
            let (mut input, mut output) = (InBuffer::around(&data), OutBuffer::around(&mut out));
            let wanted = state.context.decompress_stream(&mut output, &mut input);
            wanted.map(|wanted| {
                state.is_within_frame = wanted != 0;
                input.pos()
            })
        });
        Ok((PyBytes::new(py, &out), taken.map_err(malformed)?))
    }
}

fn malformed(code: usize) -> PyErr {
    PyValueError::new_err(get_error_name(code))
}
