//! What a message of the enclave means, as Python sees it.

use std::collections::BTreeMap;

use cape_core::identity::AccountId;
use cape_core::session::{self, Answer, CallId, ClientEvent, End, ErrorMessage};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::description::RuntimeDescription;
use crate::keys::PublicKey;

/// The event's object.
pub(crate) fn to_python<'py>(py: Python<'py>, event: ClientEvent<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match event {
        ClientEvent::Close { code } => Bound::new(py, CloseEvent::new(code))?.into_any(),
        ClientEvent::Credit { call, .. } => Bound::new(py, CreditEvent::new(call))?.into_any(),
        ClientEvent::Data { call, bytes } => Bound::new(py, DataEvent::new(py, call, bytes))?.into_any(),
        ClientEvent::End { call, end } => Bound::new(py, end_event(py, call, *end)?)?.into_any(),
        ClientEvent::Error { call, error } => Bound::new(py, error_event(py, call.get(), error))?.into_any(),
        ClientEvent::Failed { error } => Bound::new(py, error_event(py, 0, error))?.into_any(),
        ClientEvent::Log { call, bytes } => {
            Bound::new(py, LogEvent { call: call.get(), data: PyBytes::new(py, bytes).unbind() })?.into_any()
        }
    })
}

/// Bytes of a call's output; or of its input, at the other end.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct DataEvent {
    call: u32,
    data: Py<PyBytes>,
}

/// What a function printed during a call.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct LogEvent {
    call: u32,
    data: Py<PyBytes>,
}

/// A call's output is whole.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct EndEvent {
    call: u32,
    output: Py<PyBytes>,
    usage: Py<PyDict>,
    account_key: Option<Py<AccountKey>>,
    description: Option<Py<Description>>,
    receipt: Option<Py<PyBytes>>,
    receipt_key: Option<Py<PyBytes>>,
    salts: Option<Py<PyBytes>>,
    input_taken: Option<u64>,
}

/// A call failed, or, with call 0, the session.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct ErrorEvent {
    call: u32,
    name: String,
    message: String,
    details: BTreeMap<String, String>,
    receipt: Option<Py<PyBytes>>,
    receipt_key: Option<Py<PyBytes>>,
    salts: Option<Py<PyBytes>>,
    input_taken: Option<u64>,
}

/// More input may be sent; or more output, at the other end.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct CreditEvent {
    call: u32,
}

/// There will be no new calls.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct CloseEvent {
    code: u16,
}

impl DataEvent {
    pub(crate) fn new(py: Python<'_>, call: CallId, bytes: &[u8]) -> Self {
        Self { call: call.get(), data: PyBytes::new(py, bytes).unbind() }
    }
}

impl CreditEvent {
    pub(crate) fn new(call: CallId) -> Self {
        Self { call: call.get() }
    }
}

impl CloseEvent {
    pub(crate) fn new(code: u16) -> Self {
        Self { code }
    }
}

/// An account's public key, as an enclave states it.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct AccountKey {
    account: String,
    kem: &'static str,
    epoch: u32,
    public_key: Py<PublicKey>,
}

/// What an enclave says of itself: the static part is what its document vouches for.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct Description {
    static_description: Py<PyBytes>,
    runtime: Option<Py<RuntimeDescription>>,
    receipt_key: Py<PyBytes>,
    slots: Option<u64>,
    calls: Option<u64>,
    warm_functions: Option<u64>,
    clock_ms: Option<u64>,
    module_clock_ms: Option<u64>,
}

#[pymethods]
impl Description {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let runtime = self.runtime.as_ref().map(|runtime| runtime.bind(py).repr()).transpose()?;
        let runtime = runtime.map_or_else(|| "of another release".to_owned(), |shown| shown.to_string());
        Ok(format!("<Description {runtime}>"))
    }
}

fn error_event(py: Python<'_>, call: u32, error: ErrorMessage) -> ErrorEvent {
    ErrorEvent {
        call,
        name: error.name,
        message: error.message,
        details: error.details,
        receipt: octets(py, error.receipt.as_deref()),
        receipt_key: octets(py, error.receipt_key.as_deref()),
        salts: octets(py, error.salts.map(|salts| salts.to_bytes()).as_deref()),
        input_taken: error.input_taken,
    }
}

fn octets(py: Python<'_>, bytes: Option<&[u8]>) -> Option<Py<PyBytes>> {
    bytes.map(|bytes| PyBytes::new(py, bytes).unbind())
}

fn end_event(py: Python<'_>, call: CallId, end: End) -> PyResult<EndEvent> {
    let usage = PyDict::new(py);
    usage.set_item("duration_us", end.usage.duration_us)?;
    usage.set_item("cpu_us", end.usage.cpu_us)?;
    usage.set_item("peak_memory_bytes", end.usage.peak_memory)?;
    usage.set_item("cold", end.usage.cold)?;
    let (mut account_key, mut description) = (None, None);
    match end.answer {
        Some(Answer::Key(key)) => {
            let public_key = PublicKey(cape_core::envelope::PublicKey::from(key.public_key));
            account_key = Some(Py::new(
                py,
                AccountKey {
                    account: AccountId::from_bytes(key.request.account).to_string(),
                    kem: key.request.kem.name(),
                    epoch: key.epoch,
                    public_key: Py::new(py, public_key)?,
                },
            )?);
        }
        Some(Answer::Describe(answer)) => {
            let runtime = session::RuntimeDescription::decode(&answer.description).ok();
            description = Some(Py::new(
                py,
                Description {
                    static_description: PyBytes::new(py, &answer.description).unbind(),
                    runtime: runtime.map(|runtime| RuntimeDescription::new(py, runtime)).transpose()?,
                    receipt_key: PyBytes::new(py, &answer.receipt_key).unbind(),
                    slots: answer.state.slots,
                    calls: answer.state.calls,
                    warm_functions: answer.state.warm_functions,
                    clock_ms: answer.state.clock_ms,
                    module_clock_ms: answer.state.module_clock_ms,
                },
            )?);
        }
        None => {}
    }
    Ok(EndEvent {
        call: call.get(),
        output: PyBytes::new(py, &end.output).unbind(),
        usage: usage.unbind(),
        account_key,
        description,
        receipt: octets(py, end.receipt.as_deref()),
        receipt_key: octets(py, end.receipt_key.as_deref()),
        salts: octets(py, end.salts.map(|salts| salts.to_bytes()).as_deref()),
        input_taken: end.input_taken,
    })
}
