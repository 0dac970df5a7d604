use core::{fmt, mem};
use std::collections::BTreeMap;

use super::ServerEvent;
use crate::ErrorCode;
use crate::crypto::Sha256;
use crate::identity::OwnerSession;
use crate::session::call::{CallId, Incoming, Outgoing};
use crate::session::channel::{Channel, decode_credit};
use crate::session::content::{End, ErrorMessage, Open, expect_empty};
use crate::session::frame::Header;
use crate::session::keys::SessionKeys;
use crate::session::limits::{MAX_INLINE, MAX_OPEN};
use crate::session::log_budget::LogBudget;
use crate::session::{FrameType, SendError, Suite, Violation};

/// An enclave's side of a session.
///
/// What it returns is sent as one binary message each, in that order; what comes is passed to
/// [`receive`](Self::receive). After an error of `receive` the session is over.
pub struct ServerSession {
    suite: Suite,
    leaf: [u8; 32],
    owner_session: OwnerSession,
    channel: Channel,
    calls: BTreeMap<CallId, Call>,
    max_calls: usize,
    last_call: u32,
}

struct Call {
    outgoing: Outgoing,
    incoming: Incoming,
    output: Sha256,
    /// `None` when no log was asked for.
    log: Option<LogBudget>,
    cancelled: bool,
}

impl ServerSession {
    pub(in crate::session) fn new(suite: Suite, leaf: [u8; 32], keys: SessionKeys, max_calls: usize) -> Self {
        let channel = Channel::of_enclave(suite, &keys);
        let owner_session = keys.owner_session;
        Self { suite, leaf, owner_session, channel, calls: BTreeMap::new(), max_calls, last_call: 0 }
    }

    /// The suite in use.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The hash that names this session in the attestation document and in receipts.
    pub fn leaf(&self) -> &[u8; 32] {
        &self.leaf
    }

    /// What an owner proof of this session signs.
    pub fn owner_session(&self) -> OwnerSession {
        self.owner_session
    }

    /// DATA: the next bytes of a call's output, at most [`sendable`](Self::sendable) and one frame's.
    pub fn data(&mut self, call: CallId, bytes: &[u8]) -> Result<Vec<u8>, SendError> {
        let open_call = find(&mut self.calls, call)?;
        open_call.outgoing.check_data(bytes.len())?;
        let message = self.channel.seal(FrameType::Data, call, bytes)?;
        open_call.outgoing.sent(bytes.len());
        open_call.output.update(bytes);
        Ok(message)
    }

    /// Bytes of output that may be sent now.
    pub fn sendable(&self, call: CallId) -> u64 {
        self.calls.get(&call).map_or(0, |call| call.outgoing.credit())
    }

    /// END: the call is over, and its output whole; its digest is added here.
    pub fn end(&mut self, call: CallId, end: &End) -> Result<Vec<u8>, SendError> {
        let size = end.output.len();
        if size > MAX_INLINE {
            return Err(SendError::InlineTooLarge { size, limit: MAX_INLINE });
        }
        let mut output = find(&mut self.calls, call)?.output.clone();
        output.update(&end.output);
        let message = self.channel.seal(FrameType::End, call, &end.encode(&output.finish()))?;
        self.calls.remove(&call);
        Ok(message)
    }

    /// ERROR: the call has failed and is over. One larger than a frame, perhaps for its traceback, is
    /// refused and the call stays open.
    pub fn error(&mut self, call: CallId, error: &ErrorMessage) -> Result<Vec<u8>, SendError> {
        find(&mut self.calls, call)?;
        let message = self.channel.seal(FrameType::Error, call, &error.encode())?;
        self.calls.remove(&call);
        Ok(message)
    }

    /// ERROR on the connection: the session is over with this message, and all its calls.
    pub fn fail(&mut self, error: &ErrorMessage) -> Result<Vec<u8>, SendError> {
        let header = Header { frame: FrameType::Error, call: 0 };
        let message = self.channel.seal_behind(Vec::new(), header, &error.encode())?;
        self.channel.end();
        self.calls.clear();
        Ok(message)
    }

    /// LOG: what the function printed, at most one frame's; `None` when the caller did not ask for
    /// it or has had 1 MiB.
    pub fn log(&mut self, call: CallId, bytes: &[u8]) -> Result<Option<Vec<u8>>, SendError> {
        let Some(budget) = &mut find(&mut self.calls, call)?.log else {
            return Ok(None);
        };
        match budget.cut(bytes) {
            text if text.is_empty() => Ok(None),
            text => self.channel.seal(FrameType::Log, call, &text).map(Some),
        }
    }

    /// CREDIT: the client may send that many more bytes of input.
    pub fn credit(&mut self, call: CallId, bytes: u32) -> Result<Vec<u8>, SendError> {
        let incoming = &mut find(&mut self.calls, call)?.incoming;
        let message = self.channel.seal(FrameType::Credit, call, &bytes.to_be_bytes())?;
        incoming.grant(bytes);
        Ok(message)
    }

    /// Says that so many bytes of input were used up; the message to send, when it is time to grant
    /// more. Nothing is sent for a call that is over or takes no more input.
    pub fn consumed(&mut self, call: CallId, bytes: usize) -> Result<Option<Vec<u8>>, SendError> {
        let Some(open_call) = self.calls.get_mut(&call) else {
            return Ok(None);
        };
        open_call.incoming.consumed(bytes).map(|bytes| self.credit(call, bytes)).transpose()
    }

    /// CLOSE: there will be no new calls; one that crosses it is answered with `Overloaded`. The
    /// socket is closed once [`is_finished`](Self::is_finished).
    pub fn close(&mut self, code: u16) -> Result<Vec<u8>, SendError> {
        self.channel.close(Vec::new(), code)
    }

    /// Whether this side has sent CLOSE and no call is open: time to close the socket.
    pub fn is_finished(&self) -> bool {
        self.channel.close_was_sent() && self.calls.is_empty()
    }

    /// Calls that are open.
    pub fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// Takes one message from the client, which is opened where it lies; `None` when it means
    /// nothing any more. After an error the session is over, and the connection is closed with code
    /// 1002 and no other word.
    pub fn receive<'m>(&mut self, message: &'m mut [u8]) -> Result<Option<ServerEvent<'m>>, Violation> {
        let received = self.accept(message);
        if received.is_err() {
            self.channel.end();
        }
        received
    }

    fn accept<'m>(&mut self, message: &'m mut [u8]) -> Result<Option<ServerEvent<'m>>, Violation> {
        let (header, content) = self.channel.open(message)?;
        match header.frame {
            FrameType::Cancel => self.accept_cancel(header, content),
            FrameType::Close => self.accept_close(header, content).map(Some),
            FrameType::Credit => self.accept_credit(header, content),
            FrameType::Data => self.accept_data(header, content),
            FrameType::End => self.accept_end(header, content),
            FrameType::Open => self.accept_open(header, content).map(Some),
            FrameType::Error | FrameType::Log => Err(Violation::FrameTypeForbidden { frame: header.frame }),
        }
    }

    fn accept_close<'m>(&mut self, header: Header, content: &[u8]) -> Result<ServerEvent<'m>, Violation> {
        let code = self.channel.close_received(header, content)?;
        Ok(ServerEvent::Close { code })
    }

    fn accept_cancel<'m>(
        &mut self,
        header: Header,
        content: &[u8],
    ) -> Result<Option<ServerEvent<'m>>, Violation> {
        let Some((id, call)) = self.open_call(header)? else { return Ok(None) };
        if !content.is_empty() {
            return Err(Violation::CancelNotEmpty { size: content.len() });
        }
        let first = !mem::replace(&mut call.cancelled, true);
        Ok(first.then_some(ServerEvent::Cancel { call: id }))
    }

    fn accept_credit<'m>(
        &mut self,
        header: Header,
        content: &[u8],
    ) -> Result<Option<ServerEvent<'m>>, Violation> {
        let Some((id, call)) = self.open_call(header)? else { return Ok(None) };
        call.outgoing.granted(decode_credit(content)?);
        Ok(Some(ServerEvent::Credit { call: id, available: call.outgoing.credit() }))
    }

    fn accept_data<'m>(
        &mut self,
        header: Header,
        bytes: &'m [u8],
    ) -> Result<Option<ServerEvent<'m>>, Violation> {
        let Some((id, call)) = self.open_call(header)? else { return Ok(None) };
        call.incoming.received(bytes.len())?;
        Ok((!call.cancelled).then_some(ServerEvent::Data { call: id, bytes }))
    }

    fn accept_end<'m>(
        &mut self,
        header: Header,
        content: &[u8],
    ) -> Result<Option<ServerEvent<'m>>, Violation> {
        let Some((id, call)) = self.open_call(header)? else { return Ok(None) };
        expect_empty(content).map_err(|error| Violation::Content { frame: FrameType::End, error })?;
        call.incoming.end()?;
        Ok((!call.cancelled).then_some(ServerEvent::End { call: id }))
    }

    fn accept_open<'m>(&mut self, header: Header, content: &[u8]) -> Result<ServerEvent<'m>, Violation> {
        let call = header.call_id()?;
        if self.channel.close_was_received() {
            return Err(Violation::OpenAfterClose { call: header.call });
        }
        if header.call <= self.last_call {
            return Err(Violation::CallNotRising { call: header.call, last: self.last_call });
        }
        self.last_call = header.call;
        let open = decode_open(content)?;
        if self.channel.close_was_sent() {
            return self.refuse(call, "the enclave takes no new calls on this connection, nothing ran");
        }
        if self.calls.len() >= self.max_calls {
            return self.refuse(call, "as many calls are open on this connection as allowed, nothing ran");
        }
        self.calls.insert(call, Call::new(call, &open));
        Ok(ServerEvent::Open { call, open: Box::new(open) })
    }

    /// The call that a frame of the client belongs to; `None` when the frame was sent before the
    /// client knew that the call is over.
    fn open_call(&mut self, header: Header) -> Result<Option<(CallId, &mut Call)>, Violation> {
        let id = header.call_id()?;
        match self.calls.get_mut(&id) {
            Some(call) => Ok(Some((id, call))),
            None if header.call <= self.last_call => Ok(None),
            None => Err(Violation::CallUnknown { frame: header.frame, call: header.call }),
        }
    }

    fn refuse<'m>(&mut self, call: CallId, message: &str) -> Result<ServerEvent<'m>, Violation> {
        let error = ErrorMessage::new(ErrorCode::Overloaded, message)
            .with_detail("limit", self.max_calls.to_string());
        let reply = self.channel.seal(FrameType::Error, call, &error.encode());
        reply.map(ServerEvent::Reply).map_err(|_| Violation::FramesExhausted)
    }
}

impl Call {
    fn new(id: CallId, open: &Open) -> Self {
        Self {
            outgoing: Outgoing::new(id),
            incoming: if open.input.is_some() { Incoming::ended(id) } else { Incoming::new(id) },
            output: Sha256::new(),
            log: open.options.log.then(LogBudget::new),
            cancelled: false,
        }
    }
}

fn find(calls: &mut BTreeMap<CallId, Call>, call: CallId) -> Result<&mut Call, SendError> {
    calls.get_mut(&call).ok_or(SendError::CallNotOpen { call })
}

fn decode_open(content: &[u8]) -> Result<Open, Violation> {
    let size = content.len();
    if size > MAX_OPEN {
        return Err(Violation::OpenTooLarge { size, limit: MAX_OPEN });
    }
    let frame = FrameType::Open;
    let open = Open::decode(content).map_err(|error| Violation::Content { frame, error })?;
    match open.input.as_ref().map_or(0, Vec::len) {
        size if size > MAX_INLINE => Err(Violation::InlineTooLarge { frame, size, limit: MAX_INLINE }),
        _ => Ok(open),
    }
}

impl fmt::Debug for ServerSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSession")
            .field("suite", &self.suite)
            .field("open_calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}
