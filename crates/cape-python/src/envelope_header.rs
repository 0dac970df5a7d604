use std::collections::BTreeMap;

use cape_core::encoding::hex;
use cape_core::envelope::{self, KeyType};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::Bytes;
use crate::error::raised;

/// What the header says.
#[pyfunction]
pub(crate) fn inspect_envelope(data: Bytes) -> PyResult<EnvelopeHeader> {
    envelope::inspect(data.as_slice()).map(EnvelopeHeader).map_err(raised)
}

/// What the header says that an envelope begins with, of which more follows.
#[pyfunction]
pub(crate) fn inspect_envelope_start(start: Bytes) -> PyResult<EnvelopeHeader> {
    envelope::inspect_start(start.as_slice()).map(EnvelopeHeader).map_err(raised)
}

/// What an envelope says in the clear.
#[pyclass(frozen, module = "pycape.envelope")]
pub(crate) struct EnvelopeHeader(envelope::Header);

#[pymethods]
impl EnvelopeHeader {
    #[getter]
    fn version(&self) -> u8 {
        self.0.version
    }

    #[getter]
    fn suite(&self) -> String {
        self.0.suite.to_string()
    }

    #[getter]
    fn recipients<'py>(&self, py: Python<'py>) -> Vec<Stanza> {
        self.0
            .stanzas
            .iter()
            .map(|stanza| Stanza {
                kind: KeyType::from_id(stanza.key_type).map(KeyType::name),
                stanza_type: stanza.key_type,
                key_id: PyBytes::new(py, stanza.key_id.as_bytes()).unbind(),
            })
            .collect()
    }

    #[getter]
    fn context<'py>(&self, py: Python<'py>) -> BTreeMap<String, Bound<'py, PyBytes>> {
        self.0.context.iter().map(|(key, value)| (key.to_owned(), PyBytes::new(py, value))).collect()
    }

    #[getter]
    fn header_size(&self) -> Option<usize> {
        self.0.header_length
    }

    #[getter]
    fn size(&self) -> usize {
        self.0.sealed_length
    }

    #[getter]
    fn plaintext_size(&self) -> Option<usize> {
        self.0.plaintext_length
    }

    fn __repr__(&self) -> String {
        let envelope::Header { version, suite, stanzas, sealed_length, plaintext_length, .. } = &self.0;
        let size = match plaintext_length {
            Some(length) => format!("{length} bytes"),
            None => format!("{sealed_length} bytes sealed"),
        };
        format!("<EnvelopeHeader version={version} {suite} recipients={} {size}>", stanzas.len())
    }
}

/// One recipient in a header.
#[pyclass(frozen, module = "pycape.envelope")]
pub(crate) struct Stanza {
    #[pyo3(get)]
    kind: Option<&'static str>,
    #[pyo3(get, name = "type")]
    stanza_type: u16,
    #[pyo3(get)]
    key_id: Py<PyBytes>,
}

#[pymethods]
impl Stanza {
    fn __repr__(&self, py: Python<'_>) -> String {
        let kind = self.kind.map_or_else(|| format!("type={:#06x}", self.stanza_type), str::to_owned);
        format!("<Stanza {kind} key_id={}>", hex::encode(self.key_id.as_bytes(py)))
    }
}
