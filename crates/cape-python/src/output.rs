use cape_core::envelope;
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::raised;

/// From so many bytes on, memory is asked for in huge pages: faults of 4 KiB pages would take longer
/// than what is written there.
const HUGE_FROM: usize = 4 << 20;

/// A new bytes object of `size` bytes, which `fill` writes; where there is no memory for it, that is the
/// core's own error.
///
/// As `PyBytes::new_with`, but for the pages.
pub(crate) fn new_bytes<'py>(
    py: Python<'py>,
    size: usize,
    fill: impl FnOnce(&mut [u8]) -> PyResult<()>,
) -> PyResult<Bound<'py, PyBytes>> {
    if size < HUGE_FROM {
        return PyBytes::new_with(py, size, fill).map_err(|error| in_core_terms(py, error, size));
    }
    let length = ffi::Py_ssize_t::try_from(size)?;
    // SAFETY: without a source the function returns a bytes object of that length, owned by the
    // caller, whose contents may be written while nobody else has it; or null with an exception set.
    let (bytes, place) = unsafe {
        let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), length);
        let bytes =
            Bound::from_owned_ptr_or_err(py, object).map_err(|error| in_core_terms(py, error, size))?;
        (bytes.cast_into_unchecked::<PyBytes>(), ffi::PyBytes_AsString(object).cast::<u8>())
    };
    advise_huge_pages(place, size);
    // SAFETY: the object has `size` bytes there, and they are zero from here on.
    let place = unsafe {
        place.write_bytes(0, size);
        std::slice::from_raw_parts_mut(place, size)
    };
    fill(place)?;
    Ok(bytes)
}

/// A copy as a new bytes object, made as [`new_bytes`] makes it.
pub(crate) fn copied<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    new_bytes(py, bytes.len(), |place| {
        place.copy_from_slice(bytes);
        Ok(())
    })
}

fn in_core_terms(py: Python<'_>, error: PyErr, bytes: usize) -> PyErr {
    if error.is_instance_of::<PyMemoryError>(py) {
        raised(envelope::Error::NoMemory { bytes })
    } else {
        error
    }
}

/// Asks for huge pages where memory that was just allocated is touched first. It is advice: what
/// comes of it does not matter.
#[cfg(target_os = "linux")]
fn advise_huge_pages(start: *mut u8, size: usize) {
    use rustix::mm::{Advice, madvise};

    let page = rustix::param::page_size();
    let offset = start.align_offset(page);
    let length = size.saturating_sub(offset) / page * page;
    // SAFETY: the whole pages within the allocation; the advice changes none of their contents.
    let _ = unsafe { madvise(start.add(offset).cast(), length, Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
fn advise_huge_pages(_start: *mut u8, _size: usize) {}
