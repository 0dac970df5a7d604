use std::ops::Deref;

use cape_core::envelope;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use zeroize::Zeroizing;

use crate::error::raised;

/// Work below this many bytes keeps the interpreter's lock: giving it up costs more than it frees.
const DETACH_FROM: usize = 8 * 1024;

/// More bytes than anything has that is copied here: a receipt with its document has the most, 36 KiB. Every
/// reader refuses more by its length, before it looks at a byte.
const MOST_COPIED: usize = 64 * 1024;

/// A contiguous buffer of bytes that Python lends, read without a copy: for bulk, which is sealed, opened,
/// digested or decoded. What is read for its structure is [`Copied`].
pub(crate) struct Bytes(PyBuffer<u8>);

impl<'a, 'py> FromPyObject<'a, 'py> for Bytes {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        contiguous(&object).map(Self)
    }
}

impl Bytes {
    /// The bytes, which may be others each time that they are looked at.
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: the buffer is C-contiguous bytes (checked when it was taken) and stays exported,
        // so allocated, while `self` lives. That nobody writes to it meanwhile, which Rust wants too,
        // only the caller in Python can see to: another thread may have a `bytearray`, another process
        // a mapped file. So what is read here is only ever taken for bytes, of which each value is one,
        // and `open` and whatever reads the head of an envelope copy what they judge. The windows of a
        // stream are judged where they lie, in memory that `pycape` has for itself.
        unsafe { slice(self.0.buf_ptr().cast(), self.0.len_bytes()) }
    }

    /// A copy; where there is no memory for it, that is the core's own error.
    pub(crate) fn to_vec(&self) -> PyResult<Vec<u8>> {
        let (bytes, mut copy) = (self.as_slice(), Vec::new());
        let refused = |_| raised(envelope::Error::NoMemory { bytes: bytes.len() });
        copy.try_reserve_exact(bytes.len()).map_err(refused)?;
        copy.extend_from_slice(bytes);
        Ok(copy)
    }
}

/// Bytes with a structure, as they were when they were passed: what checks them and what uses them see
/// the same, whoever writes to the buffer meanwhile.
pub(crate) struct Copied(Kept);

enum Kept {
    /// Wiped when it goes, since it may be a private key.
    Whole(Zeroizing<Vec<u8>>),
    /// More than any reader takes, which is refused for its length.
    TooLong(Bytes),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Copied {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let bytes = Bytes::extract(object)?;
        Ok(Self(match bytes.as_slice() {
            few if few.len() <= MOST_COPIED => Kept::Whole(few.to_vec().into()),
            _ => Kept::TooLong(bytes),
        }))
    }
}

impl Deref for Copied {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kept::Whole(bytes) => bytes,
            Kept::TooLong(bytes) => bytes.as_slice(),
        }
    }
}

/// A contiguous, writable buffer of bytes that Python lends.
pub(crate) struct BytesMut(PyBuffer<u8>);

impl<'a, 'py> FromPyObject<'a, 'py> for BytesMut {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let buffer = contiguous(&object)?;
        if buffer.readonly() {
            return Err(PyTypeError::new_err("a writable buffer is wanted"));
        }
        Ok(Self(buffer))
    }
}

impl BytesMut {
    /// The bytes, of which none are those of `others`, which are read meanwhile.
    pub(crate) fn apart_from(&mut self, others: &[&Bytes]) -> PyResult<&mut [u8]> {
        if others.iter().any(|other| overlap(&self.0, &other.0)) {
            return Err(PyValueError::new_err("the buffer overlaps what is read"));
        }
        let (start, length) = (self.0.buf_ptr().cast::<u8>(), self.0.len_bytes());
        if length == 0 {
            return Ok(&mut []);
        }
        // SAFETY: as for `Bytes::as_slice`; the buffer is writable, and not read through another slice of
        // this call, which was checked too.
        Ok(unsafe { std::slice::from_raw_parts_mut(start, length) })
    }
}

fn overlap(one: &PyBuffer<u8>, other: &PyBuffer<u8>) -> bool {
    let range = |buffer: &PyBuffer<u8>| (buffer.buf_ptr() as usize, buffer.len_bytes());
    let ((start, length), (other_start, other_length)) = (range(one), range(other));
    let reaches = start < other_start + other_length && other_start < start + length;
    reaches && length > 0 && other_length > 0
}

/// Runs `work` over `size` bytes, without the interpreter's lock where that pays.
pub(crate) fn detached<T: Send>(py: Python<'_>, size: usize, work: impl FnOnce() -> T + Send) -> T {
    if size < DETACH_FROM { work() } else { py.detach(work) }
}

fn contiguous(object: &Borrowed<'_, '_, PyAny>) -> PyResult<PyBuffer<u8>> {
    match PyBuffer::<u8>::get(object) {
        Ok(buffer) if buffer.is_c_contiguous() => Ok(buffer),
        Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => Err(error),
        _ => Err(PyTypeError::new_err("a contiguous buffer of bytes is wanted")),
    }
}

/// # Safety
/// As `std::slice::from_raw_parts`, but that an empty buffer may have any pointer.
unsafe fn slice<'a>(start: *const u8, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(start, length) }
}
