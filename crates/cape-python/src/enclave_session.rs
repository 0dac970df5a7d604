//! The enclave's side of a session, for an [`InsecureEnclave`].

use std::sync::Mutex;

use cape_core::UnixTime;
use cape_core::crypto::sha384;
use cape_core::identity::{Checksum, Credential, OwnerSession};
use cape_core::receipt::{Outcome, Statement};
use cape_core::session::{
    self, Answer, AwaitingClient, Branch, CallId, DescribeAnswer, End, ErrorMessage, PresentState, Request,
    Salts, SendError, ServerHandshake, ServerSession, Usage,
};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffer::Bytes;
use crate::enclave_event::{OpenEvent, to_python};
use crate::error::raised;
use crate::insecure_enclave::{InsecureEnclave, check_owner, read_manifest};
use crate::integer::integer;
use crate::output::copied;
use crate::text::{OwnText, OwnTextsByName, Text};
use crate::threads::lock;

/// An enclave's side of the handshake, with the document that answers the client's challenge.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct EnclaveHandshake {
    hello: Vec<u8>,
    document_sha384: [u8; 48],
    client: Mutex<Option<AwaitingClient>>,
}

impl EnclaveHandshake {
    pub(crate) fn new(handshake: ServerHandshake, document: &[u8]) -> Self {
        let (hello, client) = handshake.hello(document, Branch::default());
        Self { hello, document_sha384: sha384(&[document]), client: Mutex::new(Some(client)) }
    }
}

#[pymethods]
impl EnclaveHandshake {
    #[getter]
    fn hello<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.hello)
    }

    fn receive<'py>(
        &self,
        py: Python<'py>,
        message: Bytes,
        #[pyo3(from_py_with = integer)] max_calls: usize,
    ) -> PyResult<(EnclaveSession, Option<Bound<'py, PyAny>>)> {
        let client = lock(&self.client).take().ok_or_else(|| {
            PyValueError::new_err("a handshake is for one connection, and this one was used")
        })?;
        let mut message = message.to_vec()?;
        let received = client.receive(&mut message, max_calls).map_err(session::Error::from);
        let (core, event) = received.map_err(raised)?;
        let event = event.map(|event| to_python(py, event)).transpose()?;
        Ok((EnclaveSession { core: Mutex::new(core), document_sha384: self.document_sha384 }, event))
    }
}

/// An enclave's side of a session. What its methods return is sent, in that order.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct EnclaveSession {
    core: Mutex<ServerSession>,
    document_sha384: [u8; 48],
}

#[pymethods]
impl EnclaveSession {
    fn receive<'py>(&self, py: Python<'py>, message: Bytes) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut message = message.to_vec()?;
        let mut core = lock(&self.core);
        let event = core.receive(&mut message).map_err(session::Error::from).map_err(raised)?;
        event.map(|event| to_python(py, event)).transpose()
    }

    /// Who may run the function: its owner's account id, or `None` for the bearer of a token.
    fn authorize(
        &self,
        enclave: &InsecureEnclave,
        opened: &OpenEvent,
        manifest: Text<'_>,
        #[pyo3(from_py_with = integer)] now_ms: u64,
    ) -> PyResult<Option<String>> {
        let open = &opened.open;
        let function = read_manifest(&manifest)?;
        let now = UnixTime::from_millis(now_ms);
        let caller = Credential::read(open.token.as_deref(), open.owner_proof.as_deref())
            .and_then(|credential| {
                enclave.authorize(&function, &credential, &open.statements, &self.owner_session(), now)
            })
            .map_err(raised)?;
        Ok(caller.account().map(|account| account.to_string()))
    }

    /// Whether the owner of what is deployed is there; there is a proof.
    fn check_owner(&self, opened: &OpenEvent) -> PyResult<()> {
        let Request::Deploy { manifest } = &opened.open.request else {
            return Err(PyValueError::new_err("nothing is deployed"));
        };
        let function = cape_core::identity::Signed::read(manifest).map_err(raised)?;
        let proof = opened.open.owner_proof.as_deref().unwrap_or_default();
        check_owner(&function, proof, &self.owner_session()).map_err(raised)
    }

    fn sendable(&self, #[pyo3(from_py_with = integer)] call: u32) -> PyResult<u64> {
        let call = call_id(call)?;
        Ok(lock(&self.core).sendable(call))
    }

    fn data<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] call: u32,
        bytes: Bytes,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let call = call_id(call)?;
        self.message(py, |core| core.data(call, bytes.as_slice()))
    }

    fn log<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] call: u32,
        data: Bytes,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let call = call_id(call)?;
        self.message_or_none(py, |core| core.log(call, data.as_slice()))
    }

    fn consumed<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] call: u32,
        #[pyo3(from_py_with = integer)] bytes: usize,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let call = call_id(call)?;
        self.message_or_none(py, |core| core.consumed(call, bytes))
    }

    #[pyo3(signature = (call, output, *, duration_us=None, cold=None, receipt=None))]
    fn end<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] call: u32,
        output: Bytes,
        #[pyo3(from_py_with = integer)] duration_us: Option<u64>,
        cold: Option<bool>,
        receipt: Option<&IssuedReceipt>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let usage = Usage { duration_us, cold, ..Usage::default() };
        let end = End { usage, output: output.to_vec()?, ..End::default() };
        let end = match receipt {
            None => end,
            Some(issued) => End {
                receipt: Some(issued.receipt.clone()),
                salts: Some(issued.salts),
                receipt_key: Some(issued.key.clone()),
                input_taken: issued.input_taken,
                ..end
            },
        };
        self.ended(py, call, &end)
    }

    /// Answers the operation `key`.
    fn end_key<'py>(
        &self,
        py: Python<'py>,
        enclave: &InsecureEnclave,
        opened: &OpenEvent,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let Request::Key(request) = &opened.open.request else {
            return Err(PyValueError::new_err("no key is asked for"));
        };
        let answer = Answer::Key(enclave.key(*request, &opened.open.statements)?);
        self.ended(py, opened.call, &End { answer: Some(answer), ..End::default() })
    }

    /// Answers the operation `describe`.
    #[pyo3(signature = (enclave, call, *, slots, calls, warm_functions, now_ms))]
    #[expect(clippy::too_many_arguments, reason = "a state has that many fields")]
    fn end_describe<'py>(
        &self,
        py: Python<'py>,
        enclave: &InsecureEnclave,
        #[pyo3(from_py_with = integer)] call: u32,
        #[pyo3(from_py_with = integer)] slots: u64,
        #[pyo3(from_py_with = integer)] calls: u64,
        #[pyo3(from_py_with = integer)] warm_functions: u64,
        #[pyo3(from_py_with = integer)] now_ms: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let state = PresentState {
            slots: Some(slots),
            calls: Some(calls),
            warm_functions: Some(warm_functions),
            clock_ms: Some(now_ms),
            module_clock_ms: Some(now_ms),
        };
        let answer = Answer::Describe(DescribeAnswer {
            description: enclave.description.clone(),
            receipt_key: enclave.signer.key().to_vec(),
            state,
        });
        self.ended(py, call, &End { answer: Some(answer), ..End::default() })
    }

    #[pyo3(signature = (call, name, message, details, receipt=None))]
    fn error<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] call: u32,
        name: OwnText,
        message: OwnText,
        details: OwnTextsByName,
        receipt: Option<&IssuedReceipt>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let call = call_id(call)?;
        let error = ErrorMessage {
            name: name.0,
            message: message.0,
            details: details.0,
            receipt: receipt.map(|issued| issued.receipt.clone()),
            salts: receipt.map(|issued| issued.salts),
            receipt_key: receipt.map(|issued| issued.key.clone()),
            input_taken: receipt.and_then(|issued| issued.input_taken),
        };
        self.message(py, |core| core.error(call, &error))
    }

    /// Signs what is said of a run: with `output_digest` that it succeeded, with `error` how it failed.
    #[pyo3(signature = (
        enclave, opened, *, salts, input_digest, ciphertext_digest, input_taken, output_digest, error,
        started_ms, duration_us
    ))]
    #[expect(clippy::too_many_arguments, reason = "a receipt says that much")]
    fn sign_receipt(
        &self,
        enclave: &InsecureEnclave,
        opened: &OpenEvent,
        #[pyo3(from_py_with = integer)] salts: ([u8; 32], [u8; 32]),
        #[pyo3(from_py_with = integer)] input_digest: [u8; 32],
        #[pyo3(from_py_with = integer)] ciphertext_digest: Option<[u8; 32]>,
        #[pyo3(from_py_with = integer)] input_taken: Option<u64>,
        #[pyo3(from_py_with = integer)] output_digest: Option<[u8; 32]>,
        error: Option<OwnText>,
        #[pyo3(from_py_with = integer)] started_ms: u64,
        #[pyo3(from_py_with = integer)] duration_us: u64,
    ) -> PyResult<IssuedReceipt> {
        let Request::Run { checksum } = opened.open.request else {
            return Err(PyValueError::new_err("nothing runs"));
        };
        let outcome = match (output_digest, error) {
            (Some(output_digest), None) => Outcome::Succeeded { output_digest },
            (None, Some(error)) => Outcome::Failed { error: error.0 },
            _ => return Err(PyValueError::new_err("a run has either an output or an error")),
        };
        let session = *lock(&self.core).leaf();
        let receipt = enclave.signer.issue(|sequence| Statement {
            function: Checksum::from_bytes(checksum),
            input_digest,
            ciphertext_digest,
            outcome,
            started: UnixTime::from_millis(started_ms),
            duration_us,
            call_nonce: opened.open.call_nonce,
            sequence,
            session,
            document_sha384: self.document_sha384,
        });
        let receipt = receipt.map_err(|_| PyRuntimeError::new_err("the run's receipt was not signed"))?;
        let (input, output) = salts;
        let salts = Salts { input, output: output_digest.map(|_| output) };
        Ok(IssuedReceipt { receipt, salts, key: enclave.signer.key().to_vec(), input_taken })
    }
}

impl EnclaveSession {
    fn owner_session(&self) -> OwnerSession {
        lock(&self.core).owner_session()
    }

    fn ended<'py>(&self, py: Python<'py>, call: u32, end: &End) -> PyResult<Bound<'py, PyBytes>> {
        let call = call_id(call)?;
        self.message(py, |core| core.end(call, end))
    }

    fn message<'py>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&mut ServerSession) -> Result<Vec<u8>, SendError>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let message = work(&mut lock(&self.core));
        copied(py, &message.map_err(sent)?)
    }

    fn message_or_none<'py>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&mut ServerSession) -> Result<Option<Vec<u8>>, SendError>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let message = work(&mut lock(&self.core)).map_err(sent)?;
        message.map(|message| copied(py, &message)).transpose()
    }
}

/// A receipt, and what goes to the caller beside it.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct IssuedReceipt {
    receipt: Vec<u8>,
    salts: Salts,
    key: Vec<u8>,
    input_taken: Option<u64>,
}

fn call_id(call: u32) -> PyResult<CallId> {
    CallId::new(call).ok_or_else(|| PyValueError::new_err("calls count from 1"))
}

fn sent(error: SendError) -> PyErr {
    raised(session::Error::from(error))
}
