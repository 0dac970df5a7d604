use std::str::FromStr;
use std::sync::Mutex;

use cape_core::UnixTime;
use cape_core::crypto::Kem;
use cape_core::identity::{AccountId, Checksum};
use cape_core::receipt::{Expectation, ExpectedInput, ExpectedOutcome, Receipt};
use cape_core::session::{
    self, CallId, FRAME_OVERHEAD, KeyRequest, Offer, Open, Options, Request, Salts, Suite,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::attestation::{ChainCache, TrustRoots, VerifiedAttestation};
use crate::buffer::{Bytes, Copied, detached};
use crate::error::{misused, raised};
use crate::event::to_python;
use crate::integer::integer;
use crate::output::{copied, new_bytes};
use crate::policy::Policy;
use crate::random;
use crate::receipt::{self, VerifiedReceipt, read_salts};
use crate::several::Several;
use crate::text::{OwnText, OwnTexts, Text, quoted};
use crate::threads::lock;

/// A client's side of the handshake, for one connection.
#[pyclass(frozen, module = "pycape._core")]
pub(crate) struct ClientHandshake {
    query: String,
    handshake: Mutex<Option<session::ClientHandshake>>,
}

#[pymethods]
impl ClientHandshake {
    #[new]
    fn new(suites: Several<u8>) -> PyResult<Self> {
        let suites = suites
            .0
            .into_iter()
            .map(|id| {
                Suite::from_id(id)
                    .ok_or_else(|| PyValueError::new_err(format!("no suite has the number {id}")))
            })
            .collect::<PyResult<Vec<_>>>()?;
        let offer = Offer::new(&suites).map_err(misused)?;
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
        server_hello: Copied,
        trust_roots: &TrustRoots,
        policy: &Policy,
        cache: &ChainCache,
        #[pyo3(from_py_with = integer)] now_ms: u64,
    ) -> PyResult<ClientSession> {
        let handshake = lock(&self.handshake).take().ok_or_else(|| {
            PyValueError::new_err("a handshake is for one connection, and this one was used")
        })?;
        let now = UnixTime::from_millis(now_ms);
        let core = py
            .detach(|| {
                let mut rng = random::system();
                handshake.verify(&server_hello, &trust_roots.0, &policy.0, Some(&cache.0), now, &mut rng)
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
        self.with_core(|core| core.owner_session().to_string())
    }

    #[expect(clippy::too_many_arguments, reason = "an OPEN has that many fields")]
    #[pyo3(signature = (
        checksum, *, call_nonce, token, owner_proof, statements, shared, log, deadline_ms, input, salts
    ))]
    fn open_run<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] checksum: [u8; 32],
        #[pyo3(from_py_with = integer)] call_nonce: Option<[u8; 32]>,
        token: Option<OwnText>,
        owner_proof: Option<OwnText>,
        statements: OwnTexts,
        shared: bool,
        log: bool,
        #[pyo3(from_py_with = integer)] deadline_ms: Option<u64>,
        input: Option<Bytes>,
        #[pyo3(from_py_with = integer)] salts: Option<([u8; 32], [u8; 32])>,
    ) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        let mut open = Open::new(Request::Run { checksum });
        open.call_nonce = call_nonce;
        open.token = token.map(|token| token.0);
        open.owner_proof = owner_proof.map(|proof| proof.0);
        open.statements = statements.0;
        open.options = Options { shared, log, deadline_ms, ..Options::default() };
        open.salts = salts.map(|(input, output)| Salts { input, output: Some(output) });
        open.input = input.map(|input| input.to_vec()).transpose()?;
        self.open(py, &open)
    }

    #[expect(clippy::too_many_arguments, reason = "a receipt says that much")]
    #[pyo3(signature = (receipt, key, salts, *, checksum, call_nonce, after, input, output, error))]
    fn verify_receipt(
        &self,
        py: Python<'_>,
        receipt: Copied,
        key: Copied,
        salts: Copied,
        #[pyo3(from_py_with = integer)] checksum: [u8; 32],
        #[pyo3(from_py_with = integer)] call_nonce: [u8; 32],
        #[pyo3(from_py_with = integer)] after: u64,
        input: Bytes,
        output: Option<Bytes>,
        error: Option<&str>,
    ) -> PyResult<Py<VerifiedReceipt>> {
        let outcome = match (&output, error) {
            (Some(output), None) => ExpectedOutcome::Output(output.as_slice()),
            (None, Some(error)) => ExpectedOutcome::Error(error),
            _ => return Err(PyValueError::new_err("a call has either an output or an error")),
        };
        let expectation = Expectation {
            function: Some(Checksum::from_bytes(checksum)),
            call_nonce: Some(call_nonce),
            after: Some(after),
            input: Some(ExpectedInput::Sent(input.as_slice())),
            outcome: Some(outcome),
            salts: Some(read_salts(&salts)?),
            ..Expectation::default()
        };
        self.verify_call(py, &receipt, &key, expectation)
    }

    #[expect(clippy::too_many_arguments, reason = "a receipt says that much")]
    #[pyo3(signature = (
        receipt, key, salts, *, checksum, call_nonce, after, input_digest, sealed, output_digest, error
    ))]
    fn verify_stream_receipt(
        &self,
        py: Python<'_>,
        receipt: Copied,
        key: Copied,
        #[pyo3(from_py_with = integer)] salts: ([u8; 32], [u8; 32]),
        #[pyo3(from_py_with = integer)] checksum: [u8; 32],
        #[pyo3(from_py_with = integer)] call_nonce: [u8; 32],
        #[pyo3(from_py_with = integer)] after: u64,
        #[pyo3(from_py_with = integer)] input_digest: [u8; 32],
        sealed: bool,
        #[pyo3(from_py_with = integer)] output_digest: Option<[u8; 32]>,
        error: Option<&str>,
    ) -> PyResult<Py<VerifiedReceipt>> {
        let outcome = match (output_digest, error) {
            (Some(digest), None) => ExpectedOutcome::OutputDigest(digest),
            (None, Some(error)) => ExpectedOutcome::Error(error),
            _ => return Err(PyValueError::new_err("a call has either an output or an error")),
        };
        let input = match sealed {
            true => ExpectedInput::SentDigest(input_digest),
            false => ExpectedInput::GivenDigest(input_digest),
        };
        let (input_salt, output_salt) = salts;
        let salts = Salts { input: input_salt, output: output_digest.map(|_| output_salt) };
        let expectation = Expectation {
            function: Some(Checksum::from_bytes(checksum)),
            call_nonce: Some(call_nonce),
            after: Some(after),
            input: Some(input),
            outcome: Some(outcome),
            salts: Some(salts),
            ..Expectation::default()
        };
        self.verify_call(py, &receipt, &key, expectation)
    }

    #[pyo3(signature = (manifest, owner_proof, *, zstd = false))]
    fn open_deploy<'py>(
        &self,
        py: Python<'py>,
        manifest: OwnText,
        owner_proof: OwnText,
        zstd: bool,
    ) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        let mut open = Open::new(Request::Deploy { manifest: manifest.0 });
        open.owner_proof = Some(owner_proof.0);
        open.options = Options { zstd, ..Options::default() };
        self.open(py, &open)
    }

    fn open_key<'py>(
        &self,
        py: Python<'py>,
        account: Text<'_>,
        kem: &str,
        statements: OwnTexts,
    ) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        let account = *AccountId::from_str(&account.read()).map_err(raised)?.as_bytes();
        let kem = Kem::from_name(kem).ok_or_else(|| {
            PyValueError::new_err(format!("a KEM is \"xwing\" or \"x25519\", not {}", quoted(kem)))
        })?;
        let mut open = Open::new(Request::Key(KeyRequest { account, kem }));
        open.statements = statements.0;
        self.open(py, &open)
    }

    fn open_describe<'py>(&self, py: Python<'py>) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        self.open(py, &Open::new(Request::Describe))
    }

    fn data<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] call: u32,
        bytes: Bytes,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (call, bytes) = (call_id(call)?, bytes.as_slice());
        new_bytes(py, bytes.len() + FRAME_OVERHEAD, |message| {
            let written = || self.with_core(|core| core.data_into(call, bytes, message));
            detached(py, bytes.len(), written).map_err(sent)
        })
    }

    fn sendable(&self, #[pyo3(from_py_with = integer)] call: u32) -> PyResult<u64> {
        let call = call_id(call)?;
        Ok(self.with_core(|core| core.sendable(call)))
    }

    fn end<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] call: u32,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let call = call_id(call)?;
        self.message(py, |core| core.end(call))
    }

    fn cancel<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] call: u32,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let call = call_id(call)?;
        self.message(py, |core| core.cancel(call))
    }

    fn consumed<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] call: u32,
        #[pyo3(from_py_with = integer)] bytes: usize,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let call = call_id(call)?;
        let message = self.with_core(|core| core.consumed(call, bytes)).map_err(sent)?;
        message.map(|message| copied(py, &message)).transpose()
    }

    fn close<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = integer)] code: u16,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.message(py, |core| core.close(code))
    }

    fn receive<'py>(&self, py: Python<'py>, message: Bytes) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut message = message.to_vec()?;
        let size = message.len();
        let event = detached(py, size, || self.with_core(|core| core.receive(&mut message)));
        let event = event.map_err(session::Error::from).map_err(raised)?;
        event.map(|event| to_python(py, event)).transpose()
    }
}

impl ClientSession {
    /// Verifies the receipt of a call of this session, besides what is expected of it.
    fn verify_call(
        &self,
        py: Python<'_>,
        receipt: &[u8],
        key: &[u8],
        expectation: Expectation<'_>,
    ) -> PyResult<Py<VerifiedReceipt>> {
        let attestation = &self.attestation.get().0;
        let session = Some(self.with_core(|core| *core.leaf()));
        let expectation = Expectation { session, ..expectation };
        let verified =
            py.detach(|| Receipt::parse(receipt)?.verify(key, attestation, &expectation)).map_err(raised)?;
        receipt::to_python(py, verified)
    }

    /// Locks the session for as long as `work` takes, which does not call Python: that may give up the
    /// interpreter's lock, to a thread that waits for the session with it.
    fn with_core<T>(&self, work: impl FnOnce(&mut session::ClientSession) -> T) -> T {
        work(&mut lock(&self.core))
    }

    fn message<'py>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&mut session::ClientSession) -> Result<Vec<u8>, session::SendError>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        copied(py, &self.with_core(work).map_err(sent)?)
    }

    fn open<'py>(&self, py: Python<'py>, open: &Open) -> PyResult<(u32, Bound<'py, PyBytes>)> {
        let size = open.input.as_ref().map_or(0, Vec::len);
        let opened = detached(py, size, || self.with_core(|core| core.open(open)));
        let (call, message) = opened.map_err(sent)?;
        Ok((call.get(), copied(py, &message)?))
    }
}

fn call_id(call: u32) -> PyResult<CallId> {
    CallId::new(call).ok_or_else(|| PyValueError::new_err("calls count from 1"))
}

fn sent(error: session::SendError) -> PyErr {
    raised(session::Error::from(error))
}
