use std::collections::BTreeMap;

use cape_core::encoding::hex;
use cape_core::envelope::{self, Context, KeyType, Opening, SealOptions};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::{Bytes, BytesMut, detached};
use crate::error::{not_sealed, raised};
use crate::integer::integer;
use crate::keys::{PrivateKey, PublicKey};
use crate::output::new_bytes;
use crate::random;

type Recipients<'py> = Vec<Bound<'py, PublicKey>>;

/// Seals into the text form.
#[pyfunction]
pub(crate) fn seal<'py>(
    py: Python<'py>,
    data: Bytes,
    recipients: Recipients<'py>,
    context: BTreeMap<String, String>,
    aad: Bytes,
) -> PyResult<Bound<'py, PyBytes>> {
    let (data, recipients, context) = (data.as_slice(), keys(&recipients), context_of(context)?);
    let size = envelope::sealed_text_size(data.len(), &recipients, &context).map_err(not_sealed)?;
    new_bytes(py, size, |output| {
        detached(py, data.len(), || {
            let options = SealOptions::default();
            envelope::seal_text_into(
                data,
                &recipients,
                &context,
                aad.as_slice(),
                options,
                output,
                &mut random::system(),
            )
        })
        .map(drop)
        .map_err(not_sealed)
    })
}

/// Seals into a caller's buffer, in the binary form.
#[pyfunction]
pub(crate) fn seal_into(
    py: Python<'_>,
    data: Bytes,
    recipients: Recipients<'_>,
    mut buffer: BytesMut,
    context: BTreeMap<String, String>,
    aad: Bytes,
) -> PyResult<usize> {
    if buffer.overlaps(&data) {
        return Err(PyValueError::new_err("the buffer overlaps the data"));
    }
    let (data, recipients, context) = (data.as_slice(), keys(&recipients), context_of(context)?);
    let output = buffer.as_mut_slice();
    detached(py, data.len(), || {
        let options = SealOptions::default();
        envelope::seal_into(
            data,
            &recipients,
            &context,
            aad.as_slice(),
            options,
            output,
            &mut random::system(),
        )
    })
    .map_err(not_sealed)
}

/// Bytes of the binary form.
#[pyfunction]
pub(crate) fn sealed_size(
    #[pyo3(from_py_with = integer)] size: usize,
    recipients: Recipients<'_>,
    context: BTreeMap<String, String>,
) -> PyResult<usize> {
    envelope::sealed_size(size, &keys(&recipients), &context_of(context)?).map_err(not_sealed)
}

/// Opens the text or the binary form.
#[pyfunction]
pub(crate) fn open<'py>(
    py: Python<'py>,
    data: Bytes,
    private_key: &PrivateKey,
    aad: Bytes,
) -> PyResult<Bound<'py, PyBytes>> {
    let data = data.as_slice();
    let begin = || Opening::begin(data, &[&private_key.0], aad.as_slice());
    let opening = detached(py, data.len(), begin).map_err(raised)?;
    new_bytes(py, opening.plaintext_length(), |plaintext| {
        detached(py, data.len(), || opening.open_into(plaintext)).map_err(raised)
    })
}

/// What the header says.
#[pyfunction]
pub(crate) fn inspect_envelope(data: Bytes) -> PyResult<EnvelopeHeader> {
    envelope::inspect(data.as_slice()).map(EnvelopeHeader).map_err(raised)
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
    fn header_size(&self) -> usize {
        self.0.header_length
    }

    #[getter]
    fn size(&self) -> usize {
        self.0.sealed_length
    }

    #[getter]
    fn plaintext_size(&self) -> usize {
        self.0.plaintext_length
    }

    fn __repr__(&self) -> String {
        let envelope::Header { version, suite, stanzas, plaintext_length, .. } = &self.0;
        format!(
            "<EnvelopeHeader version={version} {suite} recipients={} {plaintext_length} bytes>",
            stanzas.len()
        )
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

fn keys<'a>(recipients: &'a Recipients<'_>) -> Vec<&'a envelope::PublicKey> {
    recipients.iter().map(|key| &key.get().0).collect()
}

fn context_of(pairs: BTreeMap<String, String>) -> PyResult<Context> {
    Context::new(pairs).map_err(not_sealed)
}
