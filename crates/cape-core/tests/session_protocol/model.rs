//! Both roles at random against each other: they agree on which calls there are, and on all that was sent.

use std::collections::{BTreeMap, VecDeque};

use cape_core::ErrorCode;
use cape_core::session::{
    CallId, ClientEvent, ClientSession, End, ErrorMessage, Open, Options, SendError, ServerEvent,
    ServerSession,
};
use proptest::prelude::*;

use super::support::{Vector, run, run_with_input};

const FIRST: CallId = CallId::new(1).unwrap();

/// One step of the model: somebody does something, or a message arrives.
#[derive(Clone, Debug)]
enum Step {
    Open { inline: bool },
    ClientData { call: usize, size: usize },
    ClientEnd { call: usize },
    Cancel { call: usize },
    ServerData { call: usize, size: usize },
    ServerEnd { call: usize, tail: usize },
    ServerError { call: usize },
    ServerLog { call: usize },
    ToServer,
    ToClient,
}

fn step() -> impl Strategy<Value = Step> {
    let (call, size) = (0..6_usize, prop_oneof![1..100_usize, 1..400_000_usize]);
    prop_oneof![
        2 => any::<bool>().prop_map(|inline| Step::Open { inline }),
        3 => (call.clone(), size.clone()).prop_map(|(call, size)| Step::ClientData { call, size }),
        1 => call.clone().prop_map(|call| Step::ClientEnd { call }),
        1 => call.clone().prop_map(|call| Step::Cancel { call }),
        3 => (call.clone(), size).prop_map(|(call, size)| Step::ServerData { call, size }),
        1 => (call.clone(), 0..1000_usize).prop_map(|(call, tail)| Step::ServerEnd { call, tail }),
        1 => call.clone().prop_map(|call| Step::ServerError { call }),
        1 => call.prop_map(|call| Step::ServerLog { call }),
        8 => Just(Step::ToServer),
        8 => Just(Step::ToClient),
    ]
}

/// Both roles, and the messages between them.
struct Model {
    client: ClientSession,
    server: ServerSession,
    to_server: VecDeque<Vec<u8>>,
    to_client: VecDeque<Vec<u8>>,
    /// What each side has sent in a call, and what of it has come; by the call's number.
    input: BTreeMap<CallId, (usize, usize)>,
    output: BTreeMap<CallId, (usize, usize)>,
    /// Calls as each side knows them.
    of_client: Vec<CallId>,
    of_server: Vec<CallId>,
    /// Calls the enclave has no interest in the input of any more.
    dropped: Vec<CallId>,
}

impl Model {
    fn new() -> Self {
        let (client, server) = Vector::x25519().session(&run());
        Self {
            client,
            server,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            input: BTreeMap::from([(FIRST, (0, 0))]),
            output: BTreeMap::from([(FIRST, (0, 0))]),
            of_client: vec![FIRST],
            of_server: vec![FIRST],
            dropped: vec![],
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Open { inline } => {
                let open = if inline { run_with_input(b"inline") } else { run() };
                let options = Options { log: true, ..Options::default() };
                let (call, message) = self.client.open(&Open { options, ..open }).unwrap();
                self.of_client.push(call);
                self.input.insert(call, (0, 0));
                self.output.insert(call, (0, 0));
                self.to_server.push_back(message);
            }
            Step::ClientData { call, size } => {
                let Some(&call) = self.of_client.get(call) else { return };
                let size = size.min(self.client.sendable(call) as usize);
                match self.client.data(call, &vec![1; size]) {
                    Ok(message) => {
                        self.input.get_mut(&call).unwrap().0 += size;
                        self.to_server.push_back(message);
                    }
                    Err(error) => assert!(matches!(
                        error,
                        SendError::EmptyData { .. } | SendError::DirectionEnded { .. }
                    )),
                }
            }
            Step::ClientEnd { call } => {
                let Some(&call) = self.of_client.get(call) else { return };
                match self.client.end(call) {
                    Ok(message) => self.to_server.push_back(message),
                    Err(error) => assert_eq!(error, SendError::DirectionEnded { call }),
                }
            }
            Step::Cancel { call } => {
                let Some(&call) = self.of_client.get(call) else { return };
                self.to_server.push_back(self.client.cancel(call).unwrap());
            }
            Step::ServerData { call, size } => {
                let Some(&call) = self.of_server.get(call) else { return };
                let size = size.min(self.server.sendable(call) as usize);
                match self.server.data(call, &vec![2; size]) {
                    Ok(message) => {
                        self.output.get_mut(&call).unwrap().0 += size;
                        self.to_client.push_back(message);
                    }
                    Err(error) => assert_eq!(error, SendError::EmptyData { call }),
                }
            }
            Step::ServerEnd { call, tail } => {
                let Some(&call) = self.of_server.get(call) else { return };
                let end = End { output: vec![2; tail], ..End::default() };
                self.to_client.push_back(self.server.end(call, &end).unwrap());
                self.output.get_mut(&call).unwrap().0 += tail;
                self.of_server.retain(|of_server| *of_server != call);
                self.dropped.push(call);
            }
            Step::ServerError { call } => {
                let Some(&call) = self.of_server.get(call) else { return };
                let error = ErrorMessage::new(ErrorCode::FunctionError, "it failed");
                self.to_client.push_back(self.server.error(call, &error).unwrap());
                self.of_server.retain(|of_server| *of_server != call);
                self.dropped.push(call);
            }
            Step::ServerLog { call } => {
                let Some(&call) = self.of_server.get(call) else { return };
                self.to_client.extend(self.server.log(call, b"a line\n").unwrap());
            }
            Step::ToServer => self.deliver_to_server(),
            Step::ToClient => self.deliver_to_client(),
        }
    }

    fn deliver_to_server(&mut self) {
        let Some(mut message) = self.to_server.pop_front() else { return };
        match self.server.receive(&mut message).unwrap() {
            Some(ServerEvent::Open { call, .. }) => self.of_server.push(call),
            Some(ServerEvent::Reply(reply)) => self.to_client.push_back(reply),
            Some(ServerEvent::Data { call, bytes }) => {
                self.input.get_mut(&call).unwrap().1 += bytes.len();
                let credit = self.server.consumed(call, bytes.len()).unwrap();
                self.to_client.extend(credit);
            }
            Some(ServerEvent::Cancel { call }) => self.dropped.push(call),
            Some(ServerEvent::End { call }) => {
                let (sent, received) = self.input[&call];
                assert_eq!(sent, received, "the input is whole");
            }
            Some(ServerEvent::Close { .. }) => panic!("nobody closes"),
            Some(ServerEvent::Credit { call, available }) => {
                assert_eq!(self.server.sendable(call), available)
            }
            None => {}
        }
    }

    fn deliver_to_client(&mut self) {
        let Some(mut message) = self.to_client.pop_front() else { return };
        match self.client.receive(&mut message).unwrap() {
            Some(ClientEvent::Data { call, bytes }) => {
                self.output.get_mut(&call).unwrap().1 += bytes.len();
                self.to_server.extend(self.client.consumed(call, bytes.len()).unwrap());
            }
            Some(ClientEvent::End { call, end }) => {
                let (sent, received) = self.output[&call];
                assert_eq!(sent, received + end.output.len(), "the output is whole");
                self.of_client.retain(|of_client| *of_client != call);
            }
            Some(ClientEvent::Error { call, .. }) => self.of_client.retain(|of_client| *of_client != call),
            Some(ClientEvent::Credit { call, available }) => {
                assert_eq!(self.client.sendable(call), available)
            }
            Some(ClientEvent::Log { bytes, .. }) => assert_eq!(bytes, b"a line\n"),
            Some(ClientEvent::Close { .. } | ClientEvent::Failed { .. }) => panic!("nobody closes"),
            None => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_roles_stay_in_step(steps in proptest::collection::vec(step(), 1..150)) {
        let mut model = Model::new();
        for step in &steps {
            model.step(step);
        }
        while !model.to_server.is_empty() || !model.to_client.is_empty() {
            model.deliver_to_server();
            model.deliver_to_client();
        }
        prop_assert_eq!(model.client.open_calls(), model.server.open_calls());
        for (call, (sent, received)) in &model.input {
            prop_assert!(model.dropped.contains(call) || sent == received || !model.of_server.contains(call));
        }
        for call in model.of_server.clone() {
            model.to_client.push_back(model.server.end(call, &End::default()).unwrap());
        }
        while !model.to_client.is_empty() {
            model.deliver_to_client();
        }
        prop_assert_eq!(model.client.socket_closed(), Ok(()));
    }
}
