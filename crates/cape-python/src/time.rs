use cape_core::UnixTime;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The last millisecond that a `datetime.datetime` can say.
const END_OF_9999: u64 = 253_402_300_799_999;

/// An aware `datetime.datetime` in UTC; a later time than those of the year 9999 as its end.
pub(crate) fn to_datetime<'py>(py: Python<'py>, time: UnixTime) -> PyResult<Bound<'py, PyAny>> {
    let datetime = py.import("datetime")?;
    let arguments = PyDict::new(py);
    arguments.set_item("milliseconds", time.as_millis().min(END_OF_9999))?;
    let since = datetime.getattr("timedelta")?.call((), Some(&arguments))?;
    let epoch = datetime.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, datetime.getattr("UTC")?))?;
    epoch.add(since)
}

/// The last second of a `datetime.date` (UTC), or the moment of an aware `datetime.datetime`.
pub(crate) fn end_of(day: &Bound<'_, PyAny>) -> PyResult<UnixTime> {
    if !day.is_instance(&day.py().import("datetime")?.getattr("date")?)? {
        return Err(PyTypeError::new_err("a date or a datetime is wanted"));
    }
    if day.hasattr("timestamp")? {
        if day.getattr("tzinfo")?.is_none() {
            return Err(PyValueError::new_err("a datetime needs a time zone, for example datetime.UTC"));
        }
        let seconds: f64 = day.call_method0("timestamp")?.extract()?;
        return Ok(UnixTime::from_seconds(seconds.max(0.0) as u64));
    }
    let text: String = day.call_method0("isoformat")?.extract()?;
    UnixTime::parse(&format!("{text}T23:59:59Z"))
        .ok_or_else(|| PyValueError::new_err(format!("a date of 1970 or later is wanted, not {text}")))
}
