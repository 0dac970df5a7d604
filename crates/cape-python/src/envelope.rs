use cape_core::envelope::{self, Context, KeyId, Opening, RecipientChange, SealOptions, Suite};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::{Bytes, BytesMut, detached};
use crate::error::{not_changed, not_sealed, raised};
use crate::integer::integer;
use crate::keys::{PrivateKey, PublicKey};
use crate::output::{copied, new_bytes};
use crate::random;
use crate::several::Several;
use crate::text::OwnTextsByName;
use crate::threads::threads;

pub(crate) type Recipients<'py> = Several<Bound<'py, PublicKey>>;

/// Seals into the text form.
#[pyfunction]
pub(crate) fn seal<'py>(
    py: Python<'py>,
    data: Bytes,
    recipients: Recipients<'py>,
    context: OwnTextsByName,
    aad: Bytes,
    anonymous: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let (data, recipients, context) = (data.as_slice(), keys(&recipients), context_of(context)?);
    let size = envelope::sealed_text_size(data.len(), &recipients, &context).map_err(not_sealed)?;
    new_bytes(py, size, |output| {
        detached(py, data.len(), || {
            let options = options(anonymous);
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

/// Seals into the text form of version 1.
#[pyfunction]
pub(crate) fn seal_version_one<'py>(
    py: Python<'py>,
    data: Bytes,
    recipient: &PublicKey,
) -> PyResult<Bound<'py, PyBytes>> {
    let data = data.as_slice();
    let seal = || envelope::seal_version_one(data, &recipient.0, &mut random::system());
    copied(py, &detached(py, data.len(), seal).map_err(not_sealed)?)
}

/// Seals into a caller's buffer, in the binary form.
#[pyfunction]
pub(crate) fn seal_into(
    py: Python<'_>,
    data: Bytes,
    recipients: Recipients<'_>,
    mut buffer: BytesMut,
    context: OwnTextsByName,
    aad: Bytes,
    anonymous: bool,
) -> PyResult<usize> {
    let output = buffer.apart_from(&[&data, &aad])?;
    let (data, recipients, context) = (data.as_slice(), keys(&recipients), context_of(context)?);
    detached(py, data.len(), || {
        let options = options(anonymous);
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
    context: OwnTextsByName,
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
    let opening = detached(py, data.len(), begin).map_err(raised)?.with_threads(threads());
    new_bytes(py, opening.plaintext_length(), |plaintext| {
        detached(py, data.len(), || opening.open_into(plaintext)).map_err(raised)
    })
}

/// An envelope with other recipients; with `header_only` its header alone, of the binary form.
#[pyfunction]
pub(crate) fn change_recipients<'py>(
    py: Python<'py>,
    data: Bytes,
    private_key: &PrivateKey,
    add: Recipients<'py>,
    remove: Several<[u8; 8]>,
    anonymous: bool,
    header_only: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let add = keys(&add);
    let remove: Vec<_> = remove.0.into_iter().map(KeyId::from_bytes).collect();
    let change = RecipientChange { add: &add, remove: &remove, anonymous };
    let work = if header_only { envelope::change_header } else { envelope::change_recipients };
    let data = data.as_slice();
    let changed = || work(data, &[&private_key.0], change, &mut random::system());
    copied(py, &detached(py, data.len(), changed).map_err(not_changed)?)
}

/// How envelopes are sealed here.
pub(crate) fn options(anonymous: bool) -> SealOptions {
    SealOptions { suite: Suite::fastest_here(), anonymous, threads: threads() }
}

pub(crate) fn keys<'a>(recipients: &'a Recipients<'_>) -> Vec<&'a envelope::PublicKey> {
    recipients.0.iter().map(|key| &key.get().0).collect()
}

pub(crate) fn context_of(pairs: OwnTextsByName) -> PyResult<Context> {
    Context::new(pairs.0).map_err(not_sealed)
}
