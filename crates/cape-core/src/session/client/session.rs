use core::{fmt, mem};
use std::collections::BTreeMap;

use super::ClientEvent;
use crate::attest::VerifiedAttestation;
use crate::crypto::{Sha256, sha256};
use crate::identity::OwnerSession;
use crate::session::call::{CallId, Incoming, Outgoing};
use crate::session::channel::{Channel, decode_credit};
use crate::session::content::{Answer, AnswerForm, DescribeAnswer, EMPTY, End, ErrorMessage, Open, Request};
use crate::session::frame::Header;
use crate::session::keys::SessionKeys;
use crate::session::limits::{MAX_INLINE, MAX_LOG, MAX_OPEN};
use crate::session::log_budget::LogBudget;
use crate::session::{Error, FrameType, SendError, Suite, Violation};

/// Calls that a client keeps open on one connection; enclaves allow fewer.
const MAX_CALLS: usize = 1024;

/// A client's side of a session with a proven enclave: several calls on one connection.
///
/// What it returns is sent as one binary message each, in that order; what comes is passed to
/// [`receive`](Self::receive). After an error of `receive` the session is over.
pub struct ClientSession {
    attestation: VerifiedAttestation,
    suite: Suite,
    leaf: [u8; 32],
    owner_session: OwnerSession,
    channel: Channel,
    /// Goes in front of the first message; empty from then on.
    encapsulated: Vec<u8>,
    calls: BTreeMap<CallId, Call>,
    last_call: u32,
}

struct Call {
    form: AnswerForm,
    outgoing: Outgoing,
    incoming: Incoming,
    output: Sha256,
    /// `None` when no log was asked for.
    log: Option<LogBudget>,
    /// Whether a receipt was asked for.
    receipt: bool,
}

impl ClientSession {
    pub(in crate::session) fn new(
        attestation: VerifiedAttestation,
        suite: Suite,
        leaf: [u8; 32],
        keys: SessionKeys,
        encapsulated: Vec<u8>,
    ) -> Self {
        let channel = Channel::of_client(suite, &keys);
        let owner_session = keys.owner_session;
        let (calls, last_call) = (BTreeMap::new(), 0);
        Self { attestation, suite, leaf, owner_session, channel, encapsulated, calls, last_call }
    }

    /// The proof that the enclave gave.
    pub fn attestation(&self) -> &VerifiedAttestation {
        &self.attestation
    }

    /// The suite in use.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The hash that names this session in the attestation document and in receipts.
    pub fn leaf(&self) -> &[u8; 32] {
        &self.leaf
    }

    /// What an owner proof signs, and no other session has.
    pub fn owner_session(&self) -> OwnerSession {
        self.owner_session
    }

    /// Begins a call: its number, and the message to send.
    pub fn open(&mut self, open: &Open) -> Result<(CallId, Vec<u8>), SendError> {
        self.channel.check_takes_calls()?;
        if self.calls.len() == MAX_CALLS {
            return Err(SendError::TooManyCalls { limit: MAX_CALLS });
        }
        let content = encode_open(open)?;
        let next = self.last_call.checked_add(1).and_then(CallId::new);
        let call = next.ok_or(SendError::CallsExhausted)?;
        let header = Header { frame: FrameType::Open, call: call.get() };
        let message = self.channel.seal_behind(mem::take(&mut self.encapsulated), header, &content)?;
        self.last_call = call.get();
        self.calls.insert(call, Call::new(call, open));
        Ok((call, message))
    }

    /// DATA: the next bytes of a call's input, at most [`sendable`](Self::sendable) and one frame's.
    pub fn data(&mut self, call: CallId, bytes: &[u8]) -> Result<Vec<u8>, SendError> {
        let outgoing = &mut find(&mut self.calls, call)?.outgoing;
        outgoing.check_data(bytes.len())?;
        let message = self.channel.seal(FrameType::Data, call, bytes)?;
        outgoing.sent(bytes.len());
        Ok(message)
    }

    /// The same, written into `message`, which has exactly the length of `bytes` and
    /// [`FRAME_OVERHEAD`](crate::session::FRAME_OVERHEAD): a caller with a buffer of its own spares
    /// a copy.
    pub fn data_into(&mut self, call: CallId, bytes: &[u8], message: &mut [u8]) -> Result<(), SendError> {
        let outgoing = &mut find(&mut self.calls, call)?.outgoing;
        outgoing.check_data(bytes.len())?;
        self.channel.seal_into(FrameType::Data, call, bytes, message)?;
        outgoing.sent(bytes.len());
        Ok(())
    }

    /// Bytes of input that may be sent now; 0 also for a call that takes none any more.
    pub fn sendable(&self, call: CallId) -> u64 {
        self.calls.get(&call).map_or(0, |call| call.outgoing.credit())
    }

    /// END: the input of a call is whole.
    pub fn end(&mut self, call: CallId) -> Result<Vec<u8>, SendError> {
        let outgoing = &mut find(&mut self.calls, call)?.outgoing;
        outgoing.check_open()?;
        let message = self.channel.seal(FrameType::End, call, EMPTY)?;
        outgoing.end();
        Ok(message)
    }

    /// CANCEL: the call is not wanted any more. Its own direction ends; the enclave still answers,
    /// with the error `Cancelled` or with the end it had come to.
    pub fn cancel(&mut self, call: CallId) -> Result<Vec<u8>, SendError> {
        let outgoing = &mut find(&mut self.calls, call)?.outgoing;
        let message = self.channel.seal(FrameType::Cancel, call, &[])?;
        outgoing.end();
        Ok(message)
    }

    /// CREDIT: the enclave may send that many more bytes of output.
    pub fn credit(&mut self, call: CallId, bytes: u32) -> Result<Vec<u8>, SendError> {
        let incoming = &mut find(&mut self.calls, call)?.incoming;
        let message = self.channel.seal(FrameType::Credit, call, &bytes.to_be_bytes())?;
        incoming.grant(bytes);
        Ok(message)
    }

    /// Says that so many bytes of output were used up; the message to send, when it is time to grant
    /// more. A caller that does so for all DATA keeps the enclave sending. Nothing is sent for a call
    /// that is over.
    pub fn consumed(&mut self, call: CallId, bytes: usize) -> Result<Option<Vec<u8>>, SendError> {
        let Some(open_call) = self.calls.get_mut(&call) else {
            return Ok(None);
        };
        open_call.incoming.consumed(bytes).map(|bytes| self.credit(call, bytes)).transpose()
    }

    /// CLOSE: there will be no new calls. The socket is closed once [`is_finished`](Self::is_finished).
    pub fn close(&mut self, code: u16) -> Result<Vec<u8>, SendError> {
        self.channel.close(mem::take(&mut self.encapsulated), code)
    }

    /// Whether this side has sent CLOSE and no call is open: time to close the socket.
    pub fn is_finished(&self) -> bool {
        self.channel.close_was_sent() && self.calls.is_empty()
    }

    /// Calls that are open.
    pub fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// Says that the socket has closed: an error when answers were outstanding.
    pub fn socket_closed(&mut self) -> Result<(), Error> {
        self.channel.end();
        match mem::take(&mut self.calls).len() {
            0 => Ok(()),
            calls => Err(Error::StreamTruncated { calls }),
        }
    }

    /// Takes one message from the enclave, which is opened where it lies; `None` when it means
    /// nothing any more. After an error the session is over, and the connection is closed with code
    /// 1002.
    pub fn receive<'m>(&mut self, message: &'m mut [u8]) -> Result<Option<ClientEvent<'m>>, Violation> {
        let received = self.accept(message);
        if received.is_err() {
            self.channel.end();
        }
        received
    }

    fn accept<'m>(&mut self, message: &'m mut [u8]) -> Result<Option<ClientEvent<'m>>, Violation> {
        let (header, content) = self.channel.open(message)?;
        match header.frame {
            FrameType::Close => self.accept_close(header, content).map(Some),
            FrameType::Credit => self.accept_credit(header, content),
            FrameType::Data => self.accept_data(header, content).map(Some),
            FrameType::End => self.accept_end(header, content).map(Some),
            FrameType::Error if header.call == 0 => self.accept_failure(content).map(Some),
            FrameType::Error => self.accept_error(header, content).map(Some),
            FrameType::Log => self.accept_log(header, content).map(Some),
            FrameType::Cancel | FrameType::Open => Err(Violation::FrameTypeForbidden { frame: header.frame }),
        }
    }

    fn accept_close<'m>(&mut self, header: Header, content: &[u8]) -> Result<ClientEvent<'m>, Violation> {
        let code = self.channel.close_received(header, content)?;
        Ok(ClientEvent::Close { code })
    }

    fn accept_credit<'m>(
        &mut self,
        header: Header,
        content: &[u8],
    ) -> Result<Option<ClientEvent<'m>>, Violation> {
        let (id, call) = self.open_call(header)?;
        call.outgoing.granted(decode_credit(content)?);
        let available = call.outgoing.credit();
        Ok((available > 0).then_some(ClientEvent::Credit { call: id, available }))
    }

    fn accept_data<'m>(&mut self, header: Header, bytes: &'m [u8]) -> Result<ClientEvent<'m>, Violation> {
        let (id, call) = self.open_call(header)?;
        call.incoming.received(bytes.len())?;
        call.output.update(bytes);
        Ok(ClientEvent::Data { call: id, bytes })
    }

    fn accept_log<'m>(&mut self, header: Header, bytes: &'m [u8]) -> Result<ClientEvent<'m>, Violation> {
        let (id, call) = self.open_call(header)?;
        let budget = call.log.as_mut().ok_or(Violation::LogUnwanted { call: id })?;
        if !budget.received(bytes.len()) {
            return Err(Violation::LogTooLarge { call: id, limit: MAX_LOG });
        }
        Ok(ClientEvent::Log { call: id, bytes })
    }

    fn accept_end<'m>(&mut self, header: Header, content: &[u8]) -> Result<ClientEvent<'m>, Violation> {
        let (id, mut call) = self.ended_call(header)?;
        let (end, output_sha256) = End::decode(content, call.form)
            .map_err(|error| Violation::Content { frame: FrameType::End, error })?;
        let size = end.output.len();
        if size > MAX_INLINE {
            return Err(Violation::InlineTooLarge { frame: FrameType::End, size, limit: MAX_INLINE });
        }
        call.output.update(&end.output);
        if call.output.finish() != output_sha256 {
            return Err(Violation::OutputMismatch { call: id });
        }
        self.check_answer(id, call.form, &end)?;
        if !call.receipt {
            check_unwanted(id, end.receipt.as_deref(), end.receipt_key.as_deref())?;
        } else if end.receipt.is_none() {
            return Err(Violation::ReceiptMissing { call: id });
        }
        Ok(ClientEvent::End { call: id, end: Box::new(end) })
    }

    fn accept_error<'m>(&mut self, header: Header, content: &[u8]) -> Result<ClientEvent<'m>, Violation> {
        let (id, call) = self.ended_call(header)?;
        let error = decode_error(content)?;
        self.check_receipt_key(id, error.receipt_key.as_deref())?;
        if !call.receipt {
            check_unwanted(id, error.receipt.as_deref(), error.receipt_key.as_deref())?;
        }
        Ok(ClientEvent::Error { call: id, error })
    }

    fn accept_failure<'m>(&mut self, content: &[u8]) -> Result<ClientEvent<'m>, Violation> {
        let error = decode_error(content)?;
        self.channel.end();
        self.calls.clear();
        Ok(ClientEvent::Failed { error })
    }

    /// What the enclave states must be what was asked for, and what its document vouches for.
    fn check_answer(&self, call: CallId, form: AnswerForm, end: &End) -> Result<(), Violation> {
        match (&end.answer, form) {
            (Some(Answer::Key(answer)), AnswerForm::Key(request)) if answer.request != request => {
                return Err(Violation::KeyMismatch);
            }
            (Some(Answer::Describe(answer)), _) if !self.vouches_for(answer) => {
                return Err(Violation::DescriptionMismatch);
            }
            _ => {}
        }
        self.check_receipt_key(call, end.receipt_key.as_deref())
    }

    fn check_receipt_key(&self, call: CallId, key: Option<&[u8]>) -> Result<(), Violation> {
        match key {
            Some(key) if !self.vouches_for_receipt_key(key) => Err(Violation::ReceiptKeyMismatch { call }),
            _ => Ok(()),
        }
    }

    fn vouches_for(&self, answer: &DescribeAnswer) -> bool {
        let description = sha256(&[&answer.description]);
        self.attestation.session_data().is_some_and(|session| session.runtime == description)
            && self.vouches_for_receipt_key(&answer.receipt_key)
    }

    fn vouches_for_receipt_key(&self, key: &[u8]) -> bool {
        let key = sha256(&[key]);
        self.attestation.session_data().is_some_and(|session| session.receipts == key)
    }

    /// The call that a frame of the enclave belongs to. After its END or ERROR none may come.
    fn open_call(&mut self, header: Header) -> Result<(CallId, &mut Call), Violation> {
        let id = header.call_id()?;
        match self.calls.get_mut(&id) {
            Some(call) => Ok((id, call)),
            None => Err(Violation::CallUnknown { frame: header.frame, call: header.call }),
        }
    }

    /// The same for a frame that ends the call.
    fn ended_call(&mut self, header: Header) -> Result<(CallId, Call), Violation> {
        let id = header.call_id()?;
        match self.calls.remove(&id) {
            Some(call) => Ok((id, call)),
            None => Err(Violation::CallUnknown { frame: header.frame, call: header.call }),
        }
    }
}

impl Call {
    fn new(id: CallId, open: &Open) -> Self {
        let mut outgoing = Outgoing::new(id);
        if open.input.is_some() {
            outgoing.end();
        }
        Self {
            form: AnswerForm::of(&open.request),
            outgoing,
            incoming: Incoming::new(id),
            output: Sha256::new(),
            log: open.options.log.then(LogBudget::new),
            receipt: open.call_nonce.is_some() && matches!(open.request, Request::Run { .. }),
        }
    }
}

/// A receipt that nobody asked for names no call of this client, and nobody would verify it.
fn check_unwanted(call: CallId, receipt: Option<&[u8]>, key: Option<&[u8]>) -> Result<(), Violation> {
    match (receipt, key) {
        (None, None) => Ok(()),
        _ => Err(Violation::ReceiptUnwanted { call }),
    }
}

fn find(calls: &mut BTreeMap<CallId, Call>, call: CallId) -> Result<&mut Call, SendError> {
    calls.get_mut(&call).ok_or(SendError::CallNotOpen { call })
}

fn encode_open(open: &Open) -> Result<Vec<u8>, SendError> {
    let size = open.input.as_ref().map_or(0, Vec::len);
    if size > MAX_INLINE {
        return Err(SendError::InlineTooLarge { size, limit: MAX_INLINE });
    }
    let content = open.encode();
    if content.len() > MAX_OPEN {
        return Err(SendError::OpenTooLarge { size: content.len(), limit: MAX_OPEN });
    }
    Ok(content)
}

fn decode_error(content: &[u8]) -> Result<ErrorMessage, Violation> {
    ErrorMessage::decode(content).map_err(|error| Violation::Content { frame: FrameType::Error, error })
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession")
            .field("suite", &self.suite)
            .field("attestation", &self.attestation)
            .field("open_calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}
