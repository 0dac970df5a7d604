use cape_core::UnixTime;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// An aware `datetime.datetime` in UTC; a later time than those of the year 9999 as its end.
pub(crate) fn to_datetime<'py>(py: Python<'py>, time: UnixTime) -> PyResult<Bound<'py, PyAny>> {
    let since = timedelta(py, "milliseconds", time.min(UnixTime::END_OF_9999).as_millis())?;
    epoch(py)?.add(since)
}

/// The last second of a `datetime.date` (UTC), or the second of an aware `datetime.datetime`.
pub(crate) fn end_of(day: &Bound<'_, PyAny>) -> PyResult<UnixTime> {
    let py = day.py();
    if !day.is_instance(&py.import("datetime")?.getattr("date")?)? {
        return Err(PyTypeError::new_err("a date or a datetime is wanted"));
    }
    let text = || day.call_method0("isoformat")?.extract::<String>();
    let time = if !day.hasattr("timestamp")? {
        UnixTime::parse(&format!("{}T23:59:59Z", text()?))
    } else if day.getattr("tzinfo")?.is_none() {
        return Err(PyValueError::new_err("a datetime needs a time zone, for example datetime.UTC"));
    } else {
        // Not by its `timestamp`, a fraction that may be rounded into the next year.
        let seconds = day.sub(epoch(py)?)?.floor_div(timedelta(py, "seconds", 1)?)?.extract::<i64>()?;
        u64::try_from(seconds).ok().map(UnixTime::from_seconds)
    };
    match time.filter(|time| *time <= UnixTime::END_OF_9999) {
        Some(time) => Ok(time),
        None => Err(PyValueError::new_err(format!("a time from 1970 to 9999 is wanted, not {}", text()?))),
    }
}

fn epoch(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let datetime = py.import("datetime")?;
    datetime.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, datetime.getattr("UTC")?))
}

fn timedelta<'py>(py: Python<'py>, unit: &str, count: u64) -> PyResult<Bound<'py, PyAny>> {
    let arguments = PyDict::new(py);
    arguments.set_item(unit, count)?;
    py.import("datetime")?.getattr("timedelta")?.call((), Some(&arguments))
}
