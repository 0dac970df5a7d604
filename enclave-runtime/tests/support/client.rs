use std::collections::HashMap;
use std::time::Duration;

use cape_core::UnixTime;
use cape_core::attest::{ChainCache, Policy, TrustRoots};
use cape_core::identity::{Account, Checksum, OwnerProof, Signed};
use cape_core::session::{
    Answer as AnswerOfOperation, CallId, ClientEvent, ClientHandshake, ClientSession, DescribeAnswer, End,
    ErrorMessage, KeyAnswer, KeyRequest, MAX_INLINE, Offer, Open, Request, SUBPROTOCOL, Suite,
};
use futures_util::{SinkExt, StreamExt};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Function;
use super::function::now;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of its own, over the real protocol; several calls may be open.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    pub(crate) session: ClientSession,
    input: HashMap<CallId, Vec<u8>>,
    output: HashMap<CallId, Vec<u8>>,
    /// What functions printed, of the calls since it was taken.
    pub(crate) log: Vec<u8>,
}

/// A connection after its upgrade, whose client has not looked at the enclave's first message.
pub(crate) struct Greeted {
    socket: WebSocketStream<TcpStream>,
    handshake: ClientHandshake,
}

impl Greeted {
    pub(crate) async fn begin(port: u16, suites: &[Suite]) -> Self {
        Self::try_begin(port, suites).await.unwrap()
    }

    /// The same of an enclave that may have no room.
    pub(crate) async fn try_begin(port: u16, suites: &[Suite]) -> Result<Self, Error> {
        let handshake = ClientHandshake::new(Offer::new(suites).unwrap(), &mut UnwrapErr(SysRng));
        Ok(Self { socket: upgrade(port, &handshake.query()).await?, handshake })
    }

    /// The client of an enclave that proves itself, by a clock that shows `now`.
    pub(crate) async fn attested(self, roots: &TrustRoots, policy: &Policy, now: UnixTime) -> Client {
        self.try_attested(roots, policy, None, now).await.unwrap()
    }

    /// The same of an enclave that may not prove itself, and of a client that may know its chain already.
    pub(crate) async fn try_attested(
        mut self,
        roots: &TrustRoots,
        policy: &Policy,
        known: Option<&ChainCache>,
        now: UnixTime,
    ) -> Result<Client, cape_core::session::Error> {
        let hello = self.socket.next().await.unwrap().unwrap().into_data();
        let rng = &mut UnwrapErr(SysRng);
        let session = self.handshake.verify(&hello, roots, policy, known, now, rng)?;
        Ok(Client {
            socket: self.socket,
            session,
            input: HashMap::new(),
            output: HashMap::new(),
            log: Vec::new(),
        })
    }
}

/// A call that succeeded.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) output: Vec<u8>,
    pub(crate) end: End,
}

/// Why a call or a connection failed.
#[derive(Clone, Debug)]
pub(crate) enum Failed {
    /// ERROR, of this call.
    Call(Box<ErrorMessage>),
    /// The connection closed.
    Closed,
}

impl Failed {
    /// The class of a call's error.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Call(error) => &error.name,
            Self::Closed => "the connection closed",
        }
    }

    pub(crate) fn error(&self) -> &ErrorMessage {
        match self {
            Self::Call(error) => error,
            Self::Closed => panic!("the connection closed"),
        }
    }
}

impl Client {
    pub(crate) async fn connect(port: u16, roots: &TrustRoots, policy: &Policy) -> Self {
        Greeted::begin(port, &Suite::ALL).await.attested(roots, policy, now()).await
    }

    /// The same of an enclave that may not be what the policy asks for.
    pub(crate) async fn try_connect(
        port: u16,
        roots: &TrustRoots,
        policy: &Policy,
    ) -> Result<Self, cape_core::session::Error> {
        Greeted::begin(port, &Suite::ALL).await.try_attested(roots, policy, None, now()).await
    }

    /// The account's proof of this session.
    pub(crate) fn owner_proof(&self, account: &Account) -> String {
        let proof = OwnerProof::new(account.id(), self.session.owner_session());
        Signed::sign(proof, account).unwrap().text().to_owned()
    }

    pub(crate) async fn deploy(&mut self, account: &Account, function: &Function) -> Result<Answer, Failed> {
        self.call(self.deploy_request(account, function), &function.bundle).await
    }

    /// What asks for a deployment of the caller's own.
    pub(crate) fn deploy_request(&self, account: &Account, function: &Function) -> Open {
        let request = Request::Deploy { manifest: function.manifest.text().to_owned() };
        Open { owner_proof: Some(self.owner_proof(account)), ..Open::new(request) }
    }

    /// Runs the caller's own function.
    pub(crate) async fn run_own(
        &mut self,
        account: &Account,
        checksum: Checksum,
        input: &[u8],
    ) -> Result<Answer, Failed> {
        self.call(self.own_run_request(account, checksum), input).await
    }

    /// What asks for a run of the caller's own function.
    pub(crate) fn own_run_request(&self, account: &Account, checksum: Checksum) -> Open {
        Open { owner_proof: Some(self.owner_proof(account)), ..run_request(checksum) }
    }

    /// Runs a function with a token.
    pub(crate) async fn run(
        &mut self,
        checksum: Checksum,
        token: &str,
        input: &[u8],
    ) -> Result<Answer, Failed> {
        let mut open = run_request(checksum);
        open.token = Some(token.to_owned());
        self.call(open, input).await
    }

    /// What the enclave says of itself.
    pub(crate) async fn describe(&mut self) -> DescribeAnswer {
        match self.call(Open::new(Request::Describe), b"").await.unwrap().end.answer {
            Some(AnswerOfOperation::Describe(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// An account's encryption key.
    pub(crate) async fn key(
        &mut self,
        request: KeyRequest,
        statements: &[String],
    ) -> Result<KeyAnswer, Failed> {
        let mut open = Open::new(Request::Key(request));
        open.statements = statements.to_vec();
        match self.call(open, b"").await?.end.answer {
            Some(AnswerOfOperation::Key(answer)) => Ok(answer),
            other => panic!("{other:?}"),
        }
    }

    /// Makes a call and waits for its end.
    pub(crate) async fn call(&mut self, open: Open, input: &[u8]) -> Result<Answer, Failed> {
        let call = self.start(open, input).await;
        let (ended, result) = self.next_end().await?;
        assert_eq!(ended, call);
        result.map_err(|error| Failed::Call(Box::new(error)))
    }

    /// Begins a call; its input goes on its way while [`next_end`](Self::next_end) waits.
    pub(crate) async fn start(&mut self, mut open: Open, input: &[u8]) -> CallId {
        let inline = input.len() <= MAX_INLINE;
        if inline {
            open.input = Some(input.to_vec());
        }
        let (call, message) = self.session.open(&open).unwrap();
        self.send(message).await;
        if !inline {
            self.input.insert(call, input.to_vec());
            self.send_input(call).await;
        }
        self.output.insert(call, Vec::new());
        call
    }

    /// Begins a call whose input is not sent.
    pub(crate) async fn open_only(&mut self, open: &Open) -> CallId {
        let (call, message) = self.session.open(open).unwrap();
        self.send(message).await;
        self.output.insert(call, Vec::new());
        call
    }

    /// Waits until functions have printed a line, which may come in pieces.
    pub(crate) async fn printed_line(&mut self) -> String {
        let mut line = Vec::new();
        loop {
            let mut message = self.receive().await.unwrap();
            match self.session.receive(&mut message).unwrap() {
                Some(ClientEvent::Log { bytes, .. }) => {
                    line.extend_from_slice(bytes);
                    if line.ends_with(b"\n") {
                        return String::from_utf8(line).unwrap();
                    }
                }
                Some(ClientEvent::Credit { .. }) | None => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits until a call's handler has given something out: from then on it runs.
    pub(crate) async fn begun(&mut self, begun: CallId) {
        loop {
            let mut message = self.receive().await.unwrap();
            match self.session.receive(&mut message).unwrap() {
                Some(ClientEvent::Data { call, .. }) if call == begun => return,
                Some(ClientEvent::Credit { .. }) | None => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn cancel(&mut self, call: CallId) {
        let message = self.session.cancel(call).unwrap();
        self.input.remove(&call);
        self.send(message).await;
    }

    /// Waits until one of the open calls ends.
    pub(crate) async fn next_end(&mut self) -> Result<(CallId, Result<Answer, ErrorMessage>), Failed> {
        loop {
            let mut message = self.receive().await.ok_or(Failed::Closed)?;
            let event = self.session.receive(&mut message).unwrap();
            match event {
                Some(ClientEvent::Data { call, bytes }) => {
                    let length = bytes.len();
                    self.output.get_mut(&call).unwrap().extend_from_slice(bytes);
                    if let Some(message) = self.session.consumed(call, length).unwrap() {
                        self.send(message).await;
                    }
                }
                Some(ClientEvent::Credit { call, .. }) => self.send_input(call).await,
                Some(ClientEvent::End { call, end }) => {
                    let mut output = self.output.remove(&call).unwrap();
                    output.extend_from_slice(&end.output);
                    return Ok((call, Ok(Answer { output, end: *end })));
                }
                Some(ClientEvent::Error { call, error }) => {
                    self.input.remove(&call);
                    return Ok((call, Err(error)));
                }
                Some(ClientEvent::Log { bytes, .. }) => self.log.extend_from_slice(bytes),
                Some(ClientEvent::Close { .. }) | None => {}
                Some(other) => panic!("{other:?}"),
            }
        }
    }

    /// The next binary message; `None` when the connection is closed.
    pub(crate) async fn receive(&mut self) -> Option<Vec<u8>> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("an answer in time");
            match next {
                Some(Ok(Message::Binary(bytes))) => return Some(bytes.to_vec()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(other)) => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn send(&mut self, message: Vec<u8>) {
        // A connection that closes is noticed when it is read.
        let _ = self.socket.send(Message::Binary(message.into())).await;
    }

    async fn send_input(&mut self, call: CallId) {
        let Some(mut input) = self.input.remove(&call) else { return };
        loop {
            let sendable = usize::try_from(self.session.sendable(call)).unwrap().min(256 << 10);
            let part: Vec<u8> = input.drain(..sendable.min(input.len())).collect();
            if !part.is_empty() {
                let message = self.session.data(call, &part).unwrap();
                self.send(message).await;
            }
            if input.is_empty() {
                let message = self.session.end(call).unwrap();
                return self.send(message).await;
            }
            if sendable == 0 {
                self.input.insert(call, input);
                return;
            }
        }
    }
}

pub(crate) fn run_request(checksum: Checksum) -> Open {
    Open::new(Request::Run { checksum: *checksum.as_bytes() })
}

/// The upgrade alone.
pub(crate) async fn upgrade(port: u16, query: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let mut request = format!("ws://127.0.0.1:{port}/v2/session?{query}").into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", SUBPROTOCOL.parse().unwrap());
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (socket, _response) = tokio_tungstenite::client_async(request, stream).await?;
    Ok(socket)
}
