use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cape_core::UnixTime;
use cape_core::crypto::Kem;
use cape_core::identity::AccountId;
use cape_core::session::{
    self, Answer, CallId, ClientEvent, End, ErrorMessage, KeyRequest, Offer, Open, Options, Request, Suite,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::attestation::{ChainCache, Policy, TrustRoots, VerifiedAttestation};
use crate::buffer::{Bytes, detached};
use crate::description::RuntimeDescription;
use crate::error::raised;
use crate::keys::PublicKey;
use crate::random;

/// A client's side of the handshake, for one connection.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct ClientHandshake {
    query: String,
    handshake: Mutex<Option<session::ClientHandshake>>,
}

#[pymethods]
impl ClientHandshake {
    #[new]
    fn new(suites: Vec<u8>) -> PyResult<Self> {
        let suites = suites
            .into_iter()
            .map(|id| {
                Suite::from_id(id)
                    .ok_or_else(|| PyValueError::new_err(format!("no suite has the number {id}")))
            })
            .collect::<PyResult<Vec<_>>>()?;
        let offer = Offer::new(&suites).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let handshake = session::ClientHandshake::new(offer, &mut random::system());
        Ok(Self { query: handshake.query(), handshake: Mutex::new(Some(handshake)) })
    }

    #[getter]
    fn query(&self) -> &str {
        &self.query
    }

    fn verify(
        &self,
        py: Python<'_>,
        server_hello: Bytes,
        trust_roots: &TrustRoots,
        policy: &Policy,
        cache: &ChainCache,
        now_ms: u64,
    ) -> PyResult<ClientSession> {
        let handshake = lock(&self.handshake).take().ok_or_else(|| {
            PyRuntimeError::new_err("a handshake is for one connection, and this one was used")
        })?;
        let now = UnixTime::from_millis(now_ms);
        let hello = server_hello.as_slice();
        let core = py
            .detach(|| {
                let mut rng = random::system();
                handshake.verify(hello, &trust_roots.0, &policy.0, Some(&mut cache.lock()), now, &mut rng)
            })
            .map_err(raised)?;
        let attestation = Py::new(py, VerifiedAttestation(core.attestation().clone()))?;
        Ok(ClientSession { attestation, core: Mutex::new(core) })
    }
}

/// A session with a proven enclave. What its methods return is sent, in that order.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct ClientSession {
    attestation: Py<VerifiedAttestation>,
    core: Mutex<session::ClientSession>,
}

#[pymethods]
impl ClientSession {
    #[getter]
    fn attestation(&self, py: Python<'_>) -> Py<VerifiedAttestation> {
        self.attestation.clone_ref(py)
    }

    #[getter]
    fn owner_session(&self) -> String {
        self.core().owner_session().to_owned()
    }

    #[expect(clippy::too_many_arguments, reason = "an OPEN has that many fields")]
    #[pyo3(signature = (checksum, *, token, owner_proof, statements, shared, deadline_ms, input))]
    fn open_run<'py>(
        &self,
        py: Python<'py>,
        checksum: [u8; 32],
        token: Option<String>,
        owner_proof: Option<String>,
        statements: Vec<String>,
        shared: bool,
        deadline_ms: Option<u64>,
        input: Option<Bytes>,
    ) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        let mut open = Open::new(Request::Run { checksum });
        open.token = token;
        open.owner_proof = owner_proof;
        open.statements = statements;
        open.options = Options { shared, deadline_ms, ..Options::default() };
        open.input = input.map(|input| input.as_slice().to_vec());
        self.open(py, &open)
    }

    fn open_deploy<'py>(
        &self,
        py: Python<'py>,
        manifest: String,
        owner_proof: String,
    ) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        let mut open = Open::new(Request::Deploy { manifest });
        open.owner_proof = Some(owner_proof);
        self.open(py, &open)
    }

    fn open_key<'py>(
        &self,
        py: Python<'py>,
        account: &str,
        kem: &str,
        statements: Vec<String>,
    ) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        let account = *AccountId::from_str(account).map_err(raised)?.as_bytes();
        let kem = Kem::from_name(kem)
            .ok_or_else(|| PyValueError::new_err(format!("a KEM is \"xwing\" or \"x25519\", not {kem:?}")))?;
        let mut open = Open::new(Request::Key(KeyRequest { account, kem }));
        open.statements = statements;
        open.input = Some(Vec::new());
        self.open(py, &open)
    }

    fn open_describe<'py>(&self, py: Python<'py>) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        let mut open = Open::new(Request::Describe);
        open.input = Some(Vec::new());
        self.open(py, &open)
    }

    fn data<'py>(&self, py: Python<'py>, call: u32, bytes: Bytes) -> PyResult<Bound<'py, PyBytes>> {
        let (call, bytes) = (call_id(call)?, bytes.as_slice());
        let message = detached(py, bytes.len(), || self.core().data(call, bytes));
        Ok(PyBytes::new(py, &message.map_err(sent)?))
    }

    fn sendable(&self, call: u32) -> PyResult<u64> {
        Ok(self.core().sendable(call_id(call)?))
    }

    fn end<'py>(&self, py: Python<'py>, call: u32) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.core().end(call_id(call)?).map_err(sent)?))
    }

    fn cancel<'py>(&self, py: Python<'py>, call: u32) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.core().cancel(call_id(call)?).map_err(sent)?))
    }

    fn consumed<'py>(
        &self,
        py: Python<'py>,
        call: u32,
        bytes: usize,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let message = self.core().consumed(call_id(call)?, bytes).map_err(sent)?;
        Ok(message.map(|message| PyBytes::new(py, &message)))
    }

    fn close<'py>(&self, py: Python<'py>, code: u16) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.core().close(code).map_err(sent)?))
    }

    fn receive<'py>(&self, py: Python<'py>, message: Bytes) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut message = message.as_slice().to_vec();
        let mut core = self.core();
        let event = core.receive(&mut message).map_err(session::Error::from).map_err(raised)?;
        event.map(|event| to_python(py, event)).transpose()
    }
}

impl ClientSession {
    fn core(&self) -> MutexGuard<'_, session::ClientSession> {
        lock(&self.core)
    }

    fn open<'py>(&self, py: Python<'py>, open: &Open) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        let (call, message) = self.core().open(open).map_err(sent)?;
        Ok((call.get(), PyBytes::new(py, &message)))
    }
}

/// Bytes of a call's output.
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
}

/// A call failed, or, with call 0, the session.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct ErrorEvent {
    call: u32,
    name: String,
    message: String,
    details: BTreeMap<String, String>,
}

/// More input may be sent.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct CreditEvent {
    call: u32,
}

/// There will be no new calls.
#[pyclass(frozen, get_all, module = "pycape._core")]
pub(crate) struct CloseEvent {
    code: u16,
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
}

fn to_python<'py>(py: Python<'py>, event: ClientEvent<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match event {
        ClientEvent::Close { code } => Bound::new(py, CloseEvent { code })?.into_any(),
        ClientEvent::Credit { call, .. } => Bound::new(py, CreditEvent { call: call.get() })?.into_any(),
        ClientEvent::Data { call, bytes } => {
            Bound::new(py, DataEvent { call: call.get(), data: PyBytes::new(py, bytes).unbind() })?.into_any()
        }
        ClientEvent::End { call, end } => Bound::new(py, end_event(py, call, *end)?)?.into_any(),
        ClientEvent::Error { call, error } => Bound::new(py, error_event(call.get(), error))?.into_any(),
        ClientEvent::Failed { error } => Bound::new(py, error_event(0, error))?.into_any(),
        ClientEvent::Log { call, bytes } => {
            Bound::new(py, LogEvent { call: call.get(), data: PyBytes::new(py, bytes).unbind() })?.into_any()
        }
    })
}

fn error_event(call: u32, error: ErrorMessage) -> ErrorEvent {
    ErrorEvent { call, name: error.name, message: error.message, details: error.details }
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
    })
}

fn call_id(call: u32) -> PyResult<CallId> {
    CallId::new(call).ok_or_else(|| PyValueError::new_err("calls count from 1"))
}

fn sent(error: session::SendError) -> PyErr {
    raised(session::Error::from(error))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
