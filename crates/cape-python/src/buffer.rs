use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// Work below this many bytes keeps the interpreter's lock: giving it up costs more than it frees.
const DETACH_FROM: usize = 8 * 1024;

/// A contiguous buffer of bytes that Python lends, read without a copy.
pub(crate) struct Bytes(PyBuffer<u8>);

impl<'a, 'py> FromPyObject<'a, 'py> for Bytes {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        contiguous(&object).map(Self)
    }
}

impl Bytes {
    /// The bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: the buffer is C-contiguous bytes (checked when it was taken) and stays exported,
        // so allocated, while `self` lives. A Python thread that writes to it meanwhile races with
        // reads whose result nothing here relies on for memory safety, as with every module that
        // reads buffers without the interpreter's lock.
        unsafe { slice(self.0.buf_ptr().cast(), self.0.len_bytes()) }
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
    /// Whether it shares memory with `other`.
    pub(crate) fn overlaps(&self, other: &Bytes) -> bool {
        let (start, other_start) = (self.0.buf_ptr() as usize, other.0.buf_ptr() as usize);
        start < other_start + other.0.len_bytes() && other_start < start + self.0.len_bytes()
    }

    /// The bytes.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        let (start, length) = (self.0.buf_ptr().cast::<u8>(), self.0.len_bytes());
        if length == 0 {
            return &mut [];
        }
        // SAFETY: as for `Bytes::as_slice`; the buffer is writable, which was checked too.
        unsafe { std::slice::from_raw_parts_mut(start, length) }
    }
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
