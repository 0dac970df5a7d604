//! A client's connection, from its upgrade to its end.
//!
//! One task owns the socket, the session and the calls: a call that waits for its worker costs no
//! switch of threads when it goes on. Calls reach the client through [`Reply`]; whatever happens to
//! a call is answered in that call, and only a breach of the protocol ends the connection (code
//! 1002, and no other word).

mod calls;
mod handshake;
mod parts;
mod socket;
mod timers;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cape_core::ErrorCode;
use cape_core::session::{CallId, Open, SendError, ServerEvent, ServerHandshake, ServerSession, Violation};
use tokio::time::{Instant, timeout_at};

pub(crate) use calls::{Input, OutputSender, Reply};

use crate::lingering::Lingering;
use crate::metrics::{HandshakeEnd, HandshakeInFlight};
use crate::operations::{self, CallError, Credentials, RunRecord, Session, SessionWorkers};
use crate::runtime::Runtime;
use crate::stop::{self, Stage, Watch};
use calls::Calls;
use socket::{Received, Socket};
use timers::{Due, Timers};

/// Close codes (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;

/// Serves a connection after its upgrade; `read` came behind the request. The client has until
/// `deadline` to complete the handshake.
pub(crate) async fn serve(
    runtime: Arc<Runtime>,
    stream: Lingering,
    read: Vec<u8>,
    handshake: ServerHandshake,
    metrics: HandshakeInFlight,
    deadline: Instant,
) {
    let mut socket = Socket::new(stream, read).await;
    let mut end = runtime.stop.watch();
    if runtime.stop.is_stopping() {
        metrics.ended(HandshakeEnd::Stopping);
        return socket.close(GOING_AWAY).await;
    }
    let began = Instant::now();
    let greeted = handshake::greet(&runtime.attester, &mut socket, handshake, &metrics, deadline).await;
    let Some((client, evidence)) = greeted else { return };
    let attested = Attested { document_sha384: evidence.document_sha384, took: began.elapsed() };
    let first = tokio::select! {
        first = timeout_at(deadline, socket.next()) => first,
        () = end.over() => return socket.close(GOING_AWAY).await,
    };
    let Ok(Received::Message(mut first)) = first else {
        return socket.close(PROTOCOL_ERROR).await;
    };
    let max_calls = runtime.settings.limits.calls_per_connection;
    let max_calls = usize::try_from(max_calls).unwrap_or(usize::MAX);
    let received = client.receive(&mut first, max_calls);
    let (session, event) = match received {
        Ok(opened) => opened,
        Err(violation) => {
            tracing::info!(%violation, "handshake refused");
            metrics.ended(HandshakeEnd::Violation);
            return socket.close(PROTOCOL_ERROR).await;
        }
    };
    metrics.ended(HandshakeEnd::Accepted);
    socket.session_began();
    let timers = Timers::new(runtime.settings.limits.idle_timeout(), evidence.close_at);
    drop(evidence); // the document itself is not needed any more
    let mut connection = Connection::new(runtime, socket, session, attested, timers, end, max_calls);
    let code = match connection.handle(event) {
        Ok(()) => connection.run().await,
        Err(end) => end.code(),
    };
    if let Some(code) = code {
        connection.socket.close(code).await;
    }
}

struct Connection {
    runtime: Arc<Runtime>,
    socket: Socket,
    session: ServerSession,
    /// What the calls share.
    shared: Arc<Session>,
    calls: Calls,
    timers: Timers,
    end: Watch,
    /// CLOSE is sent once.
    closing: bool,
    /// CLOSE has come to the client, so what it sent before knowing of it is here.
    close_was_read: bool,
}

/// How a session was attested.
struct Attested {
    document_sha384: [u8; 48],
    took: Duration,
}

/// What happens next on a connection.
enum Step {
    Received(Received),
    Reply(CallId, Reply),
    Due(Due),
    Stop(Stage),
}

/// Why a connection ends.
enum End {
    /// The client is gone.
    Gone,
    /// Every call is over, after CLOSE.
    Finished,
    /// The client broke the protocol.
    Violation,
}

impl End {
    /// The code to close the socket with, where there still is one.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Gone => None,
            Self::Finished => Some(NORMAL),
            Self::Violation => Some(PROTOCOL_ERROR),
        }
    }
}

impl From<Violation> for End {
    fn from(violation: Violation) -> Self {
        tracing::info!(%violation, "connection ended");
        Self::Violation
    }
}

/// What cannot be sent any more has nobody to read it: 2^32 frames were sent.
impl From<SendError> for End {
    fn from(error: SendError) -> Self {
        tracing::warn!(%error, "connection ended");
        Self::Violation
    }
}

impl Connection {
    fn new(
        runtime: Arc<Runtime>,
        socket: Socket,
        session: ServerSession,
        attested: Attested,
        timers: Timers,
        end: Watch,
        max_calls: usize,
    ) -> Self {
        let shared = Session {
            leaf: *session.leaf(),
            document_sha384: attested.document_sha384,
            attest_us: u64::try_from(attested.took.as_micros()).unwrap_or(u64::MAX).into(),
            owner: session.owner_session(),
            credentials: Credentials::default(),
            workers: SessionWorkers::new(max_calls, Arc::clone(&runtime.session_workers)),
        };
        Self {
            socket,
            session,
            shared: Arc::new(shared),
            calls: Calls::new(runtime.settings.limits.idle_timeout()),
            timers,
            end,
            closing: false,
            close_was_read: false,
            runtime,
        }
    }

    /// Runs until the connection ends; returns the code to close the socket with.
    async fn run(&mut self) -> Option<u16> {
        loop {
            let step = poll_fn(|context| self.poll_step(context)).await;
            let done = match step {
                Step::Received(Received::Message(mut message)) => self.receive(&mut message),
                Step::Received(Received::SignOfLife) => {
                    self.timers.received();
                    Ok(())
                }
                Step::Received(Received::Read) => {
                    self.timers.received();
                    self.close_was_read = true;
                    Ok(())
                }
                Step::Received(Received::Violation) => Err(End::Violation),
                Step::Received(Received::Closed) => Err(End::Gone),
                Step::Reply(call, reply) => self.reply(call, reply),
                Step::Due(due) => self.due(due),
                Step::Stop(stage) => self.stop(stage),
            };
            match done {
                Ok(()) if self.is_finished() => return End::Finished.code(),
                Ok(()) => {}
                Err(end) => return end.code(),
            }
        }
    }

    /// Writes what there is to write, meanwhile; then replies before messages, since replies free
    /// what messages need.
    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        if let Poll::Ready(Err(_)) = self.socket.poll_write(context) {
            return Poll::Ready(Step::Received(Received::Closed));
        }
        let room = self.socket.has_output_room();
        if let Poll::Ready((call, reply)) = self.calls.poll_reply(room, context) {
            return Poll::Ready(Step::Reply(call, reply));
        }
        if let Poll::Ready(stage) = self.end.poll(context) {
            return Poll::Ready(Step::Stop(stage));
        }
        if let Poll::Ready(received) = self.socket.poll_read(context) {
            return Poll::Ready(Step::Received(received));
        }
        self.timers.poll(self.calls.is_empty(), context).map(Step::Due)
    }

    fn receive(&mut self, message: &mut [u8]) -> Result<(), End> {
        self.timers.received();
        let event = self.session.receive(message)?;
        self.handle(event)
    }

    fn handle(&mut self, event: Option<ServerEvent<'_>>) -> Result<(), End> {
        match event {
            Some(ServerEvent::Open { call, open }) => return self.open(call, *open),
            Some(ServerEvent::Data { call, bytes }) => self.calls.input(call, bytes),
            Some(ServerEvent::End { call }) => self.calls.end_input(call),
            Some(ServerEvent::Credit { call, available }) => self.calls.grant(call, available),
            Some(ServerEvent::Cancel { call }) => return self.cancel(call),
            Some(ServerEvent::Reply(message)) => self.socket.send(message),
            // The client closes the socket after its last call.
            Some(ServerEvent::Close { .. }) | None => {}
        }
        Ok(())
    }

    fn open(&mut self, call: CallId, mut open: Open) -> Result<(), End> {
        if self.runtime.stop.is_stopping() {
            // CLOSE first: then the client knows that it need not ask here again.
            self.close()?;
            return self.fail(call, stop::refusal());
        }
        let whole = open.input.take();
        let credit = self.session.sendable(call);
        let (input, output) = self.calls.open(call, credit, whole);
        let (runtime, session) = (Arc::clone(&self.runtime), Arc::clone(&self.shared));
        let record = RunRecord::default();
        let operation = operations::perform(runtime, session, open, input, output, record.clone());
        self.calls.start(call, record, operation);
        Ok(())
    }

    fn cancel(&mut self, call: CallId) -> Result<(), End> {
        self.end_call(call, CallError::new(ErrorCode::Cancelled, "the call was cancelled"))
    }

    /// Ends a call with an error, unless its end is on its way.
    fn end_call(&mut self, call: CallId, error: CallError) -> Result<(), End> {
        match self.calls.stop(call) {
            Some(record) => self.fail(call, record.failed(error)),
            None => Ok(()),
        }
    }

    /// Tells the client that a call has failed that is not among the calls any more.
    fn fail(&mut self, call: CallId, error: CallError) -> Result<(), End> {
        let message = self.session.error(call, &error.into_message())?;
        self.socket.send(message);
        self.timers.call_ended();
        Ok(())
    }

    fn reply(&mut self, call: CallId, reply: Reply) -> Result<(), End> {
        if !self.calls.is_open(call) {
            return Ok(()); // it was cancelled meanwhile
        }
        let message = match reply {
            Reply::Consumed(bytes) => match self.session.consumed(call, bytes)? {
                Some(message) => message,
                None => return Ok(()),
            },
            Reply::Data(bytes) => {
                self.calls.sent(call, bytes.len());
                self.session.data(call, &bytes)?
            }
            Reply::Log(text) => match self.session.log(call, &text)? {
                Some(message) => message,
                None => return Ok(()), // it has had its share
            },
            Reply::End(end) => {
                self.ended(call);
                self.session.end(call, &end)?
            }
            Reply::Error(error) => {
                self.ended(call);
                self.session.error(call, &error.into_message())?
            }
        };
        self.socket.send(message);
        Ok(())
    }

    fn ended(&mut self, call: CallId) {
        self.calls.ended(call);
        self.timers.call_ended();
    }

    fn due(&mut self, due: Due) -> Result<(), End> {
        match due {
            Due::Close => self.close()?,
            Due::Ping => self.socket.ping(),
            Due::Silence => return Err(End::Gone),
        }
        Ok(())
    }

    /// CLOSE, unless it was sent: there will be no new calls.
    fn close(&mut self) -> Result<(), End> {
        if !std::mem::replace(&mut self.closing, true) {
            let message = self.session.close(GOING_AWAY)?;
            self.socket.send(message);
            self.socket.ask_whether_read();
        }
        Ok(())
    }

    /// Whether the socket can be closed: an OPEN that crosses CLOSE is to be answered before.
    fn is_finished(&self) -> bool {
        self.close_was_read && self.session.is_finished()
    }

    fn stop(&mut self, stage: Stage) -> Result<(), End> {
        self.close()?;
        if stage == Stage::Over {
            for call in self.calls.open_calls() {
                self.end_call(call, stop::cut_short())?;
            }
        }
        Ok(())
    }
}
