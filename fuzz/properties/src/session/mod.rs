//! Both state machines of the session against each other, over a wire that may alter what it carries.
//!
//! What arrives is what was sent, in that order, and nothing is passed over but what a call that is over
//! or cancelled has no use for; nobody sends or takes more than was granted; the first frame that was
//! altered, lost, repeated or moved ends the session of whoever takes it.

mod actions;
mod flow;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use cape_core::ErrorCode;
use cape_core::attest::ChainCache;
use cape_core::session::{
    Branch, CallId, ClientEvent, ClientHandshake, ClientSession, End, ErrorMessage, Open, Options, Query,
    Request, SendError, ServerEvent, ServerHandshake, ServerSession, Suite,
};

use actions::{Action, ClientAction, EnclaveAction, Harm, Side};
use flow::Flow;

use crate::random::Scripted;
use crate::{document, vectors};

/// Fewer than a client may open, so that the limit is met.
const MAX_CALLS: usize = 3;
/// More than a window in a few frames.
const MAX_DATA: u32 = 400 << 10;
const MAX_ACTIONS: usize = 200;

static CACHE: LazyLock<ChainCache> = LazyLock::new(ChainCache::new);

pub(crate) fn check(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let Ok(mut wire) = Wire::open(&mut input) else { return };
    for _ in 0..MAX_ACTIONS {
        if input.is_empty() {
            break;
        }
        let Ok(action) = Action::arbitrary(&mut input) else { break };
        let goes_on = match action {
            Action::Client(action) => wire.client_does(&action),
            Action::Enclave(action) => wire.enclave_does(&action),
            Action::Deliver(Side::Client) => wire.client_receives(),
            Action::Deliver(Side::Enclave) => wire.enclave_receives(),
            Action::Harm(side, harm) => wire.harm(side, &harm),
        };
        if !goes_on {
            return;
        }
    }
    while wire.enclave_receives() && wire.client_receives() && !wire.is_empty() {}
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // Any bytes are actions; these are many, and none is a frame.
    let any = (1..=8_u32).map(|seed| {
        (0..400_u32)
            .map(|index| (index.wrapping_mul(seed * 2 + 1).wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect()
    });
    any.chain([[vec![0], actions::of_a_long_call()].concat()]).collect()
}

/// A message on its way, and what it says.
struct Sent<T> {
    message: Vec<u8>,
    says: T,
}

#[derive(Debug)]
enum ToEnclave {
    Open(CallId, Box<Open>),
    Data(CallId, Vec<u8>),
    End(CallId),
    Cancel(CallId),
    Credit(CallId, u32),
    Close,
}

impl ToEnclave {
    /// The call whose end leaves it without a meaning.
    fn call(&self) -> Option<CallId> {
        match self {
            Self::Data(call, _) | Self::End(call) | Self::Cancel(call) | Self::Credit(call, _) => Some(*call),
            Self::Open(..) | Self::Close => None,
        }
    }
}

#[derive(Debug)]
enum ToClient {
    Data(CallId, Vec<u8>),
    /// The output's last bytes.
    End(CallId, Vec<u8>),
    Error(CallId),
    Log(CallId),
    Credit(CallId, u32),
    Close,
    Failed,
}

struct Wire {
    client: ClientSession,
    enclave: ServerSession,
    to_enclave: VecDeque<Sent<ToEnclave>>,
    to_client: VecDeque<Sent<ToClient>>,
    inputs: BTreeMap<CallId, Flow>,
    outputs: BTreeMap<CallId, Flow>,
    /// Calls that are open for the client.
    asked: BTreeSet<CallId>,
    /// Calls that are open for the enclave, and whether it knows that they are cancelled.
    running: BTreeMap<CallId, bool>,
    /// Whether the enclave has said that it closes.
    closing: bool,
    /// Whether either side has failed its session on purpose.
    failed: bool,
    filler: u8,
}

impl Wire {
    /// A session of any suite that has the published key, and one call that has begun.
    fn open(input: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        let handshakes: Vec<_> =
            vectors::handshakes().into_iter().filter(|handshake| handshake.is_alone()).collect();
        let handshake = *input.choose(&handshakes)?;
        let client =
            ClientHandshake::new(handshake.offer(), &mut Scripted::new(handshake.bytes("client_nonce")));
        let query = Query::parse(&client.query()).expect("a query");
        let drawn = [handshake.bytes("kem_private"), handshake.bytes("server_nonce")].concat();
        let server = ServerHandshake::new(&query, &Suite::ALL, &mut Scripted::new(drawn)).expect("a suite");
        let (hello, awaiting) = server.hello(&document::document_of(handshake), Branch::alone());
        let (roots, policy, rng) = (handshake.roots(), handshake.policy(), &mut Scripted::new(Vec::new()));
        let client = client.verify(&hello, &roots, &policy, Some(&CACHE), handshake.now(), rng);
        let mut client = client.expect("the published handshake");
        let first = open(Some(5), false);
        let (call, mut message) = client.open(&first).expect("a call");
        let (enclave, event) = awaiting.receive(&mut message, MAX_CALLS).expect("an honest message");
        assert!(matches!(event, Some(ServerEvent::Open { open, .. }) if *open == first));
        assert_eq!(client.owner_session(), enclave.owner_session());
        Ok(Self {
            client,
            enclave,
            to_enclave: VecDeque::new(),
            to_client: VecDeque::new(),
            inputs: [(call, Flow::of_input(&first))].into(),
            outputs: [(call, Flow::default())].into(),
            asked: [call].into(),
            running: [(call, false)].into(),
            closing: false,
            failed: false,
            filler: 0,
        })
    }

    fn is_empty(&self) -> bool {
        self.to_enclave.is_empty() && self.to_client.is_empty()
    }

    fn client_does(&mut self, action: &ClientAction) -> bool {
        match *action {
            ClientAction::Open { inline, log } => {
                let open = open(inline, log);
                if let Ok((call, message)) = self.client.open(&open) {
                    self.inputs.insert(call, Flow::of_input(&open));
                    self.outputs.insert(call, Flow::default());
                    self.asked.insert(call);
                    self.to_enclave.push_back(Sent { message, says: ToEnclave::Open(call, Box::new(open)) });
                }
            }
            ClientAction::Data { call, size } => {
                let (call, bytes) = (call_id(call), self.bytes(size));
                if let Ok(message) = self.client.data(call, &bytes) {
                    self.inputs.entry(call).or_default().send(bytes.len());
                    self.to_enclave.push_back(Sent { message, says: ToEnclave::Data(call, bytes) });
                }
            }
            ClientAction::End { call } => {
                let call = call_id(call);
                if let Ok(message) = self.client.end(call) {
                    assert_eq!(self.client.sendable(call), 0);
                    self.inputs.entry(call).or_default().ended = true;
                    self.to_enclave.push_back(Sent { message, says: ToEnclave::End(call) });
                }
            }
            ClientAction::Cancel { call } => {
                let call = call_id(call);
                if let Ok(message) = self.client.cancel(call) {
                    self.inputs.entry(call).or_default().ended = true;
                    self.to_enclave.push_back(Sent { message, says: ToEnclave::Cancel(call) });
                }
            }
            ClientAction::Credit { call, bytes } => {
                let call = call_id(call);
                if let Ok(message) = self.client.credit(call, bytes) {
                    self.grant_output(call, bytes, message);
                }
            }
            ClientAction::Consumed { call, bytes } => {
                let (call, bytes) = (call_id(call), bytes % MAX_DATA);
                let is_open = self.asked.contains(&call);
                let due = is_open.then(|| self.outputs.entry(call).or_default().use_up(bytes)).flatten();
                let message = self.client.consumed(call, bytes as usize).expect("the session goes on");
                assert_eq!(message.is_some(), due.is_some(), "credit comes back in halves of the window");
                if let (Some(message), Some(bytes)) = (message, due) {
                    self.grant_output(call, bytes, message);
                }
            }
            ClientAction::Close => {
                if let Ok(message) = self.client.close(1000) {
                    self.to_enclave.push_back(Sent { message, says: ToEnclave::Close });
                }
            }
        }
        true
    }

    fn grant_output(&mut self, call: CallId, bytes: u32, message: Vec<u8>) {
        self.outputs.entry(call).or_default().grants += u64::from(bytes);
        self.to_enclave.push_back(Sent { message, says: ToEnclave::Credit(call, bytes) });
    }

    fn grant_input(&mut self, call: CallId, bytes: u32, message: Vec<u8>) {
        self.inputs.entry(call).or_default().grants += u64::from(bytes);
        self.to_client.push_back(Sent { message, says: ToClient::Credit(call, bytes) });
    }

    fn enclave_does(&mut self, action: &EnclaveAction) -> bool {
        match *action {
            EnclaveAction::Data { call, size } => {
                let (call, bytes) = (call_id(call), self.bytes(size));
                if let Ok(message) = self.enclave.data(call, &bytes) {
                    self.outputs.entry(call).or_default().send(bytes.len());
                    self.to_client.push_back(Sent { message, says: ToClient::Data(call, bytes) });
                }
            }
            EnclaveAction::End { call, inline } => {
                let (call, output) = (call_id(call), self.bytes(inline.into()));
                let end = End { output: output.clone(), ..End::default() };
                if let Ok(message) = self.enclave.end(call, &end) {
                    self.running.remove(&call);
                    self.to_client.push_back(Sent { message, says: ToClient::End(call, output) });
                }
            }
            EnclaveAction::Error { call } => {
                let (call, error) = (call_id(call), ErrorMessage::new(ErrorCode::Overloaded, "why"));
                if let Ok(message) = self.enclave.error(call, &error) {
                    self.running.remove(&call);
                    self.to_client.push_back(Sent { message, says: ToClient::Error(call) });
                }
            }
            EnclaveAction::Log { call, size } => {
                let (call, bytes) = (call_id(call), self.bytes(size));
                if let Ok(Some(message)) = self.enclave.log(call, &bytes) {
                    self.to_client.push_back(Sent { message, says: ToClient::Log(call) });
                }
            }
            EnclaveAction::Credit { call, bytes } => {
                let call = call_id(call);
                if let Ok(message) = self.enclave.credit(call, bytes) {
                    self.grant_input(call, bytes, message);
                }
            }
            EnclaveAction::Consumed { call, bytes } => {
                let (call, bytes) = (call_id(call), bytes % MAX_DATA);
                let is_open = self.running.contains_key(&call);
                let due = is_open.then(|| self.inputs.entry(call).or_default().use_up(bytes)).flatten();
                let message = self.enclave.consumed(call, bytes as usize).expect("the session goes on");
                assert_eq!(message.is_some(), due.is_some(), "credit comes back in halves of the window");
                if let (Some(message), Some(bytes)) = (message, due) {
                    self.grant_input(call, bytes, message);
                }
            }
            EnclaveAction::Close => {
                if let Ok(message) = self.enclave.close(1001) {
                    self.closing = true;
                    self.to_client.push_back(Sent { message, says: ToClient::Close });
                }
            }
            EnclaveAction::Fail => {
                let error = ErrorMessage::new(ErrorCode::Overloaded, "why");
                if let Ok(message) = self.enclave.fail(&error) {
                    self.failed = true;
                    self.running.clear();
                    self.to_client.push_back(Sent { message, says: ToClient::Failed });
                }
            }
        }
        true
    }

    fn enclave_receives(&mut self) -> bool {
        let Some(Sent { mut message, says }) = self.to_enclave.pop_front() else { return true };
        if self.failed {
            assert!(self.enclave.receive(&mut message).is_err(), "a session that is over takes nothing");
            return true;
        }
        let has_room = !self.closing && self.running.len() < MAX_CALLS;
        let call = says.call();
        let is_over = call.is_some_and(|call| !self.running.contains_key(&call));
        let is_cancelled = call.is_some_and(|call| self.running.get(&call) == Some(&true));
        match (self.enclave.receive(&mut message).expect("an honest message"), says) {
            (Some(ServerEvent::Open { call, open }), ToEnclave::Open(sent, says)) => {
                assert_eq!((call, open), (sent, says));
                assert!(has_room, "a call beyond those allowed, or after CLOSE");
                self.running.insert(call, false);
            }
            (Some(ServerEvent::Reply(message)), ToEnclave::Open(call, _)) => {
                assert!(!has_room, "a call that could have run");
                self.to_client.push_back(Sent { message, says: ToClient::Error(call) });
            }
            (Some(ServerEvent::Close { code }), ToEnclave::Close) => assert_eq!(code, 1000),
            (event, says) if is_over => {
                assert!(event.is_none(), "{event:?} for {says:?} of a call that is over")
            }
            (Some(ServerEvent::Credit { call, available }), ToEnclave::Credit(sent, bytes)) => {
                let flow = self.outputs.entry(sent).or_default();
                flow.granted += u64::from(bytes);
                assert_eq!((call, available), (sent, flow.available()));
            }
            (event, says) if is_cancelled => {
                // Its client sends no more, and may say again that it is cancelled.
                assert!(event.is_none(), "{event:?} for {says:?} of a call that is cancelled");
                assert!(matches!(says, ToEnclave::Cancel(_)), "{says:?} after CANCEL");
            }
            (Some(ServerEvent::Data { call, bytes }), ToEnclave::Data(sent, says)) => {
                assert_eq!((call, bytes), (sent, says.as_slice()));
                self.inputs.entry(call).or_default().receive(bytes.len());
            }
            (Some(ServerEvent::End { call }), ToEnclave::End(sent)) => {
                assert_eq!(call, sent);
                self.inputs.entry(call).or_default().whole = true;
            }
            (Some(ServerEvent::Cancel { call }), ToEnclave::Cancel(sent)) => {
                assert_eq!(call, sent);
                self.running.insert(call, true);
            }
            (event, says) => panic!("{event:?} for {says:?}"),
        }
        assert_eq!(self.enclave.open_calls(), self.running.len());
        true
    }

    fn client_receives(&mut self) -> bool {
        let Some(Sent { mut message, says }) = self.to_client.pop_front() else { return true };
        match (self.client.receive(&mut message).expect("an honest message"), says) {
            (Some(ClientEvent::Data { call, bytes }), ToClient::Data(sent, says)) => {
                assert_eq!((call, bytes), (sent, says.as_slice()));
                self.outputs.entry(call).or_default().receive(bytes.len());
            }
            // That the whole has the digest which the enclave states, the client has checked.
            (Some(ClientEvent::End { call, end }), ToClient::End(sent, output)) => {
                assert_eq!((call, end.output), (sent, output));
                self.asked.remove(&call);
            }
            (Some(ClientEvent::Error { call, error }), ToClient::Error(sent)) => {
                assert_eq!((call, error.class()), (sent, Some(ErrorCode::Overloaded)));
                self.asked.remove(&call);
            }
            (Some(ClientEvent::Log { call, bytes }), ToClient::Log(sent)) => {
                assert_eq!((call, bytes.is_empty()), (sent, false));
            }
            (event, ToClient::Credit(sent, bytes)) => {
                let flow = self.inputs.entry(sent).or_default();
                flow.granted += u64::from(bytes);
                match (event, flow.available()) {
                    // There is nothing to send any more, or nothing was granted.
                    (None, 0) => {}
                    (Some(ClientEvent::Credit { call, available }), expected) if expected > 0 => {
                        assert_eq!((call, available), (sent, expected));
                    }
                    (event, available) => panic!("{event:?} when {available} bytes may be sent"),
                }
            }
            (Some(ClientEvent::Close { code }), ToClient::Close) => assert_eq!(code, 1001),
            (Some(ClientEvent::Failed { .. }), ToClient::Failed) => {
                assert_eq!(self.client.open_calls(), 0);
                return false;
            }
            (event, says) => panic!("{event:?} for {says:?}"),
        }
        assert_eq!(self.client.open_calls(), self.asked.len());
        true
    }

    /// Alters what comes next for `side`; the session of whoever takes it is over then.
    fn harm(&mut self, side: Side, harm: &Harm) -> bool {
        let messages: Vec<&[u8]> = match side {
            Side::Client => self.to_client.iter().map(|sent| sent.message.as_slice()).collect(),
            Side::Enclave => self.to_enclave.iter().map(|sent| sent.message.as_slice()).collect(),
        };
        let Some(mut harmed) = harmed(&messages, harm) else { return true };
        let repeated = matches!(harm, Harm::Repeat);
        if self.failed {
            return true;
        }
        if repeated {
            let goes_on = match side {
                Side::Client => self.client_receives(),
                Side::Enclave => self.enclave_receives(),
            };
            if !goes_on {
                return false;
            }
        }
        let call = call_id(0);
        match side {
            Side::Client => {
                assert!(self.client.receive(&mut harmed).is_err(), "{harm:?} was taken");
                assert!(self.client.receive(&mut harmed).is_err());
                assert_eq!(self.client.open(&open(None, false)).err(), Some(SendError::SessionOver));
            }
            Side::Enclave => {
                assert!(self.enclave.receive(&mut harmed).is_err(), "{harm:?} was taken");
                assert!(self.enclave.receive(&mut harmed).is_err());
                assert!(self.enclave.error(call, &ErrorMessage::new(ErrorCode::Overloaded, "why")).is_err());
                assert_eq!(self.enclave.close(1000).err(), Some(SendError::SessionOver));
            }
        }
        false
    }

    /// Bytes that differ from one message to the next.
    fn bytes(&mut self, size: u32) -> Vec<u8> {
        self.filler = self.filler.wrapping_add(1);
        vec![self.filler; (size % MAX_DATA) as usize]
    }
}

/// What arrives in place of the first of `messages`; `None` when nothing is to be harmed.
fn harmed(messages: &[&[u8]], harm: &Harm) -> Option<Vec<u8>> {
    let mut first = messages.first()?.to_vec();
    match *harm {
        Harm::Flip { position, bit } => {
            let position = position as usize % first.len();
            first[position] ^= 1 << (bit % 8);
        }
        Harm::Cut { length } => first.truncate(length as usize % first.len()),
        Harm::Extend { byte } => first.push(byte),
        Harm::Repeat => {}
        Harm::Lose | Harm::Swap => return messages.get(1).map(|second| second.to_vec()),
    }
    Some(first)
}

fn open(inline: Option<u16>, log: bool) -> Open {
    let input = inline.map(|size| vec![7; size.into()]);
    let options = Options { log, ..Options::default() };
    Open { input, options, ..Open::new(Request::Run { checksum: [7; 32] }) }
}

fn call_id(number: u8) -> CallId {
    CallId::new(u32::from(number % 8) + 1).expect("a call")
}
