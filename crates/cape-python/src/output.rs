use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// From so many bytes on, memory is asked for in huge pages: faults of 4 KiB pages would take longer
/// than what is written there.
const HUGE_FROM: usize = 4 << 20;

/// A new bytes object of `size` bytes, which `fill` writes.
///
/// As `PyBytes::new_with`, but for the pages.
pub(crate) fn new_bytes<'py>(
    py: Python<'py>,
    size: usize,
    fill: impl FnOnce(&mut [u8]) -> PyResult<()>,
) -> PyResult<Bound<'py, PyBytes>> {
    if size < HUGE_FROM {
        return PyBytes::new_with(py, size, fill);
    }
    let length = ffi::Py_ssize_t::try_from(size)?;
    // SAFETY: without a source the function returns a bytes object of that length, owned by the
    // caller, whose contents may be written while nobody else has it; or null with an exception set.
    let (bytes, place) = unsafe {
        let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), length);
        let bytes = Bound::from_owned_ptr_or_err(py, object)?.cast_into_unchecked::<PyBytes>();
        (bytes, ffi::PyBytes_AsString(object).cast::<u8>())
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
