//! What a message of a client means to an [`InsecureEnclave`](crate::insecure_enclave::InsecureEnclave), as
//! Python sees it.

use cape_core::identity::Checksum;
use cape_core::session::{Open, Request, Salts, ServerEvent};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::event::{CloseEvent, CreditEvent, DataEvent};

/// The event's object, or the bytes that are to be sent.
pub(crate) fn to_python<'py>(py: Python<'py>, event: ServerEvent<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match event {
        ServerEvent::Cancel { call } => Bound::new(py, CancelEvent { call: call.get() })?.into_any(),
        ServerEvent::Close { code } => Bound::new(py, CloseEvent::new(code))?.into_any(),
        ServerEvent::Credit { call, .. } => Bound::new(py, CreditEvent::new(call))?.into_any(),
        ServerEvent::Data { call, bytes } => Bound::new(py, DataEvent::new(py, call, bytes))?.into_any(),
        ServerEvent::End { call } => Bound::new(py, InputEndEvent { call: call.get() })?.into_any(),
        ServerEvent::Open { call, open } => {
            Bound::new(py, OpenEvent { call: call.get(), open: *open })?.into_any()
        }
        ServerEvent::Reply(message) => PyBytes::new(py, &message).into_any(),
    })
}

/// A client begins a call.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct OpenEvent {
    #[pyo3(get)]
    pub(crate) call: u32,
    pub(crate) open: Open,
}

#[pymethods]
impl OpenEvent {
    /// "run", "deploy", "key" or "describe".
    #[getter]
    fn operation(&self) -> &'static str {
        match self.open.request {
            Request::Run { .. } => "run",
            Request::Deploy { .. } => "deploy",
            Request::Key(_) => "key",
            Request::Describe => "describe",
        }
    }

    /// Of the function to run.
    #[getter]
    fn checksum(&self) -> Option<String> {
        match self.open.request {
            Request::Run { checksum } => Some(Checksum::from_bytes(checksum).to_string()),
            _ => None,
        }
    }

    /// Of the function to deploy.
    #[getter]
    fn manifest(&self) -> Option<&str> {
        match &self.open.request {
            Request::Deploy { manifest } => Some(manifest),
            _ => None,
        }
    }

    /// All of the input, where it came with this.
    #[getter]
    fn input<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.open.input.as_ref().map(|input| PyBytes::new(py, input))
    }

    /// Whether a receipt is wanted.
    #[getter]
    fn receipt(&self) -> bool {
        self.open.call_nonce.is_some()
    }

    /// The salts of its digests, where the client has chosen them.
    #[getter]
    fn salts<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        match &self.open.salts {
            Some(Salts { input, output: Some(output) }) => {
                Some((PyBytes::new(py, input), PyBytes::new(py, output)))
            }
            _ => None,
        }
    }

    #[getter]
    fn log(&self) -> bool {
        self.open.options.log
    }

    #[getter]
    fn shared(&self) -> bool {
        self.open.options.shared
    }

    /// The token that was shown: what state a call may share is told by it.
    #[getter]
    fn token(&self) -> Option<&str> {
        self.open.token.as_deref()
    }
}

/// A client has sent all of its input.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct InputEndEvent {
    call: u32,
}

/// A client does not want the call any more.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct CancelEvent {
    call: u32,
}
