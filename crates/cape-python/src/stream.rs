use std::collections::BTreeMap;
use std::sync::Mutex;

use cape_core::envelope::{self, Context, PayloadOpener, PayloadSealer};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::{Bytes, BytesMut, Copied, detached};
use crate::envelope::{Recipients, context_of, keys, options};
use crate::error::{not_sealed, raised};
use crate::integer::integer;
use crate::keys::PrivateKey;
use crate::random;
use crate::text::OwnTextsByName;
use crate::threads::{lock, threads};

/// Seals one stream, window by window.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct StreamSealer {
    #[pyo3(get)]
    head: Py<PyBytes>,
    sealer: Mutex<Option<PayloadSealer>>,
}

#[pymethods]
impl StreamSealer {
    #[new]
    fn new(
        py: Python<'_>,
        recipients: Recipients<'_>,
        context: OwnTextsByName,
        aad: Bytes,
        anonymous: bool,
    ) -> PyResult<Self> {
        let (recipients, context) = (keys(&recipients), context_of(context)?);
        let options = options(anonymous);
        let (head, sealer) =
            envelope::begin_seal(&recipients, &context, aad.as_slice(), options, &mut random::system())
                .map_err(not_sealed)?;
        Ok(Self { head: PyBytes::new(py, &head).unbind(), sealer: Mutex::new(Some(sealer)) })
    }

    fn seal(&self, py: Python<'_>, data: Bytes, mut buffer: BytesMut) -> PyResult<usize> {
        let (buffer, data) = (buffer.apart_from(&[&data])?, data.as_slice());
        let seal = || lock(&self.sealer).as_mut().map(|sealer| sealer.seal_window(data, buffer));
        detached(py, data.len(), seal).ok_or_else(ended)?.map_err(not_sealed)
    }

    fn finish(&self, py: Python<'_>, data: Bytes, mut buffer: BytesMut) -> PyResult<usize> {
        let (buffer, data) = (buffer.apart_from(&[&data])?, data.as_slice());
        let finish = || lock(&self.sealer).take().map(|sealer| sealer.seal_last(data, buffer));
        detached(py, data.len(), finish).ok_or_else(ended)?.map_err(not_sealed)
    }
}

/// Opens one stream, window by window.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct StreamOpener {
    opener: Mutex<Option<PayloadOpener>>,
}

#[pymethods]
impl StreamOpener {
    #[new]
    fn new(head: Bytes, private_key: &PrivateKey, aad: Bytes) -> PyResult<Self> {
        let (_, opener) = begin(head.as_slice(), private_key, &aad)?;
        Ok(Self { opener: Mutex::new(Some(opener)) })
    }

    fn open(&self, py: Python<'_>, data: Bytes, mut buffer: BytesMut) -> PyResult<usize> {
        let (buffer, data) = (buffer.apart_from(&[&data])?, data.as_slice());
        let open = || lock(&self.opener).as_mut().map(|opener| opener.open_window(data, buffer));
        detached(py, data.len(), open).ok_or_else(ended)?.map_err(raised)
    }

    fn finish(&self, py: Python<'_>, data: Bytes, mut buffer: BytesMut) -> PyResult<usize> {
        let (buffer, data) = (buffer.apart_from(&[&data])?, data.as_slice());
        let finish = || lock(&self.opener).take().map(|opener| opener.open_last(data, buffer));
        detached(py, data.len(), finish).ok_or_else(ended)?.map_err(raised)
    }
}

/// Opens the chunks of one envelope in any order.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct RandomAccess {
    payload: envelope::RandomAccess,
    context: Context,
}

#[pymethods]
impl RandomAccess {
    #[new]
    fn new(
        head: Bytes,
        private_key: &PrivateKey,
        aad: Bytes,
        #[pyo3(from_py_with = integer)] chunks_size: u64,
        last: Bytes,
    ) -> PyResult<Self> {
        let (context, opener) = begin(head.as_slice(), private_key, &aad)?;
        let payload = envelope::RandomAccess::new(opener, chunks_size, last.as_slice()).map_err(raised)?;
        Ok(Self { payload, context })
    }

    #[getter]
    fn size(&self) -> u64 {
        self.payload.plaintext_length()
    }

    #[getter]
    fn context<'py>(&self, py: Python<'py>) -> BTreeMap<String, Bound<'py, PyBytes>> {
        self.context.iter().map(|(key, value)| (key.to_owned(), PyBytes::new(py, value))).collect()
    }

    fn open(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = integer)] first: u64,
        data: Bytes,
        mut buffer: BytesMut,
    ) -> PyResult<usize> {
        let (buffer, data) = (buffer.apart_from(&[&data])?, data.as_slice());
        detached(py, data.len(), || self.payload.open(first, data, buffer)).map_err(raised)
    }
}

/// Bytes before an envelope's chunks, by its first 16.
#[pyfunction]
pub(crate) fn head_size(start: Copied) -> PyResult<usize> {
    envelope::head_length(&start).map_err(raised)
}

/// Bytes of an envelope's header, by its first 16.
#[pyfunction]
pub(crate) fn header_size(start: Copied) -> PyResult<usize> {
    envelope::header_length(&start).map_err(raised)
}

/// Where the last of so many bytes of chunks begins.
#[pyfunction]
pub(crate) fn last_chunk_start(#[pyo3(from_py_with = integer)] chunks_size: u64) -> PyResult<u64> {
    envelope::last_chunk_start(chunks_size).map_err(raised)
}

fn begin(head: &[u8], private_key: &PrivateKey, aad: &Bytes) -> PyResult<(Context, PayloadOpener)> {
    let (context, opener) = envelope::begin_open(head, &[&private_key.0], aad.as_slice()).map_err(raised)?;
    Ok((context, opener.with_threads(threads())))
}

fn ended() -> PyErr {
    PyValueError::new_err("the stream was ended")
}
