//! The files of `tests/vectors/session/`, played by both roles (`docs/spec/conformance.md`).

use core::convert::Infallible;
use core::mem;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

use super::super::content::{AnswerForm, decode_close};
use super::super::frame::Sealer;
use super::super::keys::info;
use super::*;
use crate::Randomness;
use crate::crypto::sha256;
use crate::session::Error;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/session");

/// Files in the folder.
const COUNT: usize = 293;

/// Calls that the enclave allows on a connection: more than any file has.
const MAX_CALLS: usize = 8;

#[test]
fn each_is_taken_as_it_says() {
    let paths: Vec<_> = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(paths.len(), COUNT);
    for path in paths {
        let session = Session::read(&path);
        for role in session.json["roles"].as_array().unwrap() {
            let mut taken = 0;
            let verdict = match role.as_str().unwrap() {
                "client" => session.play_client(&mut taken),
                "enclave" => session.play_enclave(&mut taken),
                other => panic!("{other}"),
            };
            let refused = verdict.as_ref().err().map(|error| error.code().name());
            assert_eq!(refused, session.json["error"].as_str(), "{}: {verdict:?}", path.display());
            assert_eq!(taken, session.steps().len(), "{}: {verdict:?}", path.display());
        }
    }
}

#[test]
fn what_follows_from_what_is_drawn() {
    for entry in fs::read_dir(FOLDER).unwrap() {
        let session = Session::read(&entry.unwrap().path());
        if session.json["exports"].is_null() {
            continue;
        }
        let hello = session.bytes("server_hello");
        let hello = (sha384(&[&hello]), ServerHello::decode(&hello, &session.offer()).unwrap());
        let leaf = session.array("leaf");
        assert_eq!(hello.1.branch.root(&leaf), session.array("root"));
        assert_eq!(info(session.suite(), &hello.0, &leaf), session.bytes("info"));
        let keys = session.keys();
        for (label, exported) in [
            ("c2e key", &keys.client_to_enclave.key.expose()[..]),
            ("c2e iv", &keys.client_to_enclave.iv.expose()[..]),
            ("e2c key", &keys.enclave_to_client.key.expose()[..]),
            ("e2c iv", &keys.enclave_to_client.iv.expose()[..]),
        ] {
            assert_eq!(hex::encode(exported), session.json["exports"][label].as_str().unwrap());
        }
        assert_eq!(keys.owner_session.to_string(), session.text("owner_session"));
    }
}

/// One file.
struct Session {
    json: Value,
}

impl Session {
    fn read(path: &Path) -> Self {
        Self { json: serde_json::from_slice(&fs::read(path).unwrap()).unwrap() }
    }

    fn text(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap()
    }

    fn bytes(&self, field: &str) -> Vec<u8> {
        hex::decode(self.text(field)).unwrap()
    }

    fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.bytes(field).try_into().unwrap()
    }

    fn steps(&self) -> Vec<Step<'_>> {
        self.json["steps"].as_array().into_iter().flatten().map(Step).collect()
    }

    fn offer(&self) -> Offer {
        let ids: Vec<_> = self.json["offer"].as_array().unwrap().iter().map(Value::to_string).collect();
        Offer::parse(&ids.join(",")).unwrap()
    }

    fn suite(&self) -> Suite {
        Suite::from_id(self.json["suite"].as_u64().unwrap() as u8).unwrap()
    }

    fn keys(&self) -> SessionKeys {
        let key = Secret::take(&mut self.array("kem_private"));
        let key = KemPrivateKey::from_seed(self.suite().kem(), key);
        let exporter = setup_receiver(&key, &self.bytes("encapsulated"), &self.bytes("info")).unwrap();
        SessionKeys::export(&exporter, &sha384(&[&self.bytes("server_hello")]))
    }

    /// The client, which draws what the file says.
    fn client(&self) -> Result<ClientSession, Error> {
        let handshake = ClientHandshake::new(self.offer(), &mut Scripted(self.bytes("client_nonce")));
        let roots = TrustRoots::development(vec![self.bytes("trust_root")]).unwrap();
        let policy = Policy::from_toml(self.text("policy")).unwrap();
        let now = UnixTime::from_millis(self.json["now_ms"].as_u64().unwrap());
        let drawn = self.json["encapsulation"].as_str().map(|digits| hex::decode(digits).unwrap());
        let rng = &mut Scripted(drawn.unwrap_or_default());
        handshake.verify(&self.bytes("server_hello"), &roots, &policy, None, now, rng)
    }

    /// The enclave, which draws what the file says, and sends its ServerHello.
    fn enclave(&self) -> AwaitingClient {
        let client = ClientHandshake::new(self.offer(), &mut Scripted(self.bytes("client_nonce")));
        let query = Query::parse(&client.query()).unwrap();
        let drawn = [self.bytes("kem_private"), self.bytes("server_nonce")].concat();
        let handshake = ServerHandshake::new(&query, &[self.suite()], &mut Scripted(drawn)).unwrap();
        assert_eq!(handshake.leaf(), &self.array::<32>("leaf"));
        let message = self.bytes("server_hello");
        let hello = ServerHello::decode(&message, &self.offer()).unwrap();
        let (sent, awaiting) = handshake.hello(hello.document, hello.branch);
        assert_eq!(sent, message);
        awaiting
    }

    fn play_client(&self, taken: &mut usize) -> Result<(), Error> {
        let mut client = self.client()?;
        let mut messages = Messages::new(self);
        let mut forms = BTreeMap::new();
        for step in self.steps() {
            *taken += 1;
            let message = messages.next(&step);
            if step.is_from("client") {
                assert_eq!(step.send_as_client(&mut client, &mut forms), message);
            } else {
                step.receive_as_client(&mut client, &forms, message)?;
            }
        }
        Ok(())
    }

    fn play_enclave(&self, taken: &mut usize) -> Result<(), Error> {
        let mut awaiting = Some(self.enclave());
        let mut enclave = None;
        let mut messages = Messages::new(self);
        let mut forms = BTreeMap::new();
        for step in self.steps() {
            *taken += 1;
            let mut message = messages.next(&step);
            if step.is_from("enclave") {
                let enclave = enclave.as_mut().unwrap();
                assert_eq!(step.send_as_enclave(enclave, &forms), message);
            } else if let Some(first) = awaiting.take() {
                let (session, event) = first.receive(&mut message, MAX_CALLS)?;
                step.assert_received_by_enclave(event, &mut forms);
                enclave = Some(session);
            } else {
                let event = enclave.as_mut().unwrap().receive(&mut message)?;
                step.assert_received_by_enclave(event, &mut forms);
            }
        }
        Ok(())
    }
}

/// A source of randomness that yields these bytes and no more.
struct Scripted(Vec<u8>);

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        assert!(bytes.len() <= self.0.len(), "more is drawn than the file gives");
        bytes.copy_from_slice(&self.0.drain(..bytes.len()).collect::<Vec<_>>());
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}

impl Randomness for Scripted {}

/// What each call is answered with.
type Forms = BTreeMap<u32, AnswerForm>;

/// The messages of a file; what is too large to be written down is sealed here.
struct Messages {
    client: Sealer,
    enclave: Sealer,
    encapsulated: Vec<u8>,
}

impl Messages {
    fn new(session: &Session) -> Self {
        let (suite, keys) = (session.suite(), session.keys());
        Self {
            client: Sealer::new(suite, &keys.client_to_enclave),
            enclave: Sealer::new(suite, &keys.enclave_to_client),
            encapsulated: session.bytes("encapsulated"),
        }
    }

    fn next(&mut self, step: &Step<'_>) -> Vec<u8> {
        let written = step.0["message"].as_str().map(|digits| hex::decode(digits).unwrap());
        let Some(frame) = step.frame() else {
            return written.unwrap_or_else(|| step.content());
        };
        let (sealer, front) = match step.is_from("client") {
            true => (&mut self.client, mem::take(&mut self.encapsulated)),
            false => (&mut self.enclave, Vec::new()),
        };
        let message = sealer.seal_behind(front, Header { frame, call: step.call() }, &step.content());
        let message = message.unwrap();
        match written {
            Some(written) => assert_eq!(message, written),
            None => {
                let digest = hex::encode(&sha256(&[&message]));
                assert_eq!(digest, step.0["message_sha256"].as_str().unwrap());
            }
        }
        message
    }
}

/// One message, and what it says.
struct Step<'a>(&'a Value);

impl Step<'_> {
    fn is_from(&self, side: &str) -> bool {
        self.0["from"] == side
    }

    fn frame(&self) -> Option<FrameType> {
        let name = self.0["type"].as_str()?;
        FrameType::ALL.into_iter().find(|frame| frame.to_string() == name)
    }

    fn call(&self) -> u32 {
        self.0["call"].as_u64().unwrap().try_into().unwrap()
    }

    fn content(&self) -> Vec<u8> {
        let mut content = hex::decode(self.0["content"].as_str().unwrap_or_default()).unwrap();
        if let Some(start) = self.0["pattern"].as_u64() {
            let length = self.0["length"].as_u64().unwrap();
            content.extend((start..start + length).map(|number| (number % 251) as u8));
        }
        content
    }

    fn credit(&self) -> u32 {
        u32::from_be_bytes(self.content().try_into().unwrap())
    }

    fn end(&self, forms: &Forms) -> End {
        End::decode(&self.content(), forms[&self.call()]).unwrap().0
    }

    fn send_as_client(&self, client: &mut ClientSession, forms: &mut Forms) -> Vec<u8> {
        let content = self.content();
        let sent = match self.frame().unwrap() {
            FrameType::Cancel => client.cancel(call(self.call())),
            FrameType::Close => client.close(decode_close(&content).unwrap()),
            FrameType::Credit => client.credit(call(self.call()), self.credit()),
            FrameType::Data => client.data(call(self.call()), &content),
            FrameType::End => client.end(call(self.call())),
            FrameType::Open => {
                let open = Open::decode(&content).unwrap();
                forms.insert(self.call(), AnswerForm::of(&open.request));
                client.open(&open).map(|(opened, message)| {
                    assert_eq!(opened.get(), self.call());
                    message
                })
            }
            FrameType::Error | FrameType::Log => panic!("a client does not send these"),
        };
        sent.unwrap()
    }

    fn receive_as_client(
        &self,
        client: &mut ClientSession,
        forms: &Forms,
        mut message: Vec<u8>,
    ) -> Result<(), Error> {
        let event = client.receive(&mut message)?;
        let content = self.content();
        let about = match event.unwrap() {
            ClientEvent::Close { code } => {
                assert_eq!(code, decode_close(&content).unwrap());
                (FrameType::Close, 0)
            }
            ClientEvent::Credit { call, .. } => (FrameType::Credit, call.get()),
            ClientEvent::Data { call, bytes } => {
                assert_eq!(bytes, content);
                (FrameType::Data, call.get())
            }
            ClientEvent::End { call, end } => {
                assert_eq!(*end, self.end(forms));
                (FrameType::End, call.get())
            }
            ClientEvent::Error { call, error } => {
                assert_eq!(error, ErrorMessage::decode(&content).unwrap());
                (FrameType::Error, call.get())
            }
            ClientEvent::Failed { error } => {
                assert_eq!(error, ErrorMessage::decode(&content).unwrap());
                (FrameType::Error, 0)
            }
            ClientEvent::Log { call, bytes } => {
                assert_eq!(bytes, content);
                (FrameType::Log, call.get())
            }
        };
        assert_eq!(about, (self.frame().unwrap(), self.call()));
        Ok(())
    }

    fn send_as_enclave(&self, enclave: &mut ServerSession, forms: &Forms) -> Vec<u8> {
        let content = self.content();
        let error = || ErrorMessage::decode(&content).unwrap();
        let sent = match self.frame().unwrap() {
            FrameType::Close => enclave.close(decode_close(&content).unwrap()),
            FrameType::Credit => enclave.credit(call(self.call()), self.credit()),
            FrameType::Data => enclave.data(call(self.call()), &content),
            FrameType::End => enclave.end(call(self.call()), &self.end(forms)),
            FrameType::Error if self.call() == 0 => enclave.fail(&error()),
            FrameType::Error => enclave.error(call(self.call()), &error()),
            FrameType::Log => enclave.log(call(self.call()), &content).map(Option::unwrap),
            FrameType::Cancel | FrameType::Open => panic!("an enclave does not send these"),
        };
        sent.unwrap()
    }

    fn assert_received_by_enclave(&self, event: Option<ServerEvent<'_>>, forms: &mut Forms) {
        let content = self.content();
        let Some(event) = event else {
            return assert_eq!(self.0["dropped"], true);
        };
        let about = match event {
            ServerEvent::Cancel { call } => (FrameType::Cancel, call.get()),
            ServerEvent::Close { code } => {
                assert_eq!(code, decode_close(&content).unwrap());
                (FrameType::Close, 0)
            }
            ServerEvent::Credit { call, .. } => (FrameType::Credit, call.get()),
            ServerEvent::Data { call, bytes } => {
                assert_eq!(bytes, content);
                (FrameType::Data, call.get())
            }
            ServerEvent::End { call } => (FrameType::End, call.get()),
            ServerEvent::Open { call, open } => {
                assert_eq!(open.encode(), content);
                forms.insert(call.get(), AnswerForm::of(&open.request));
                (FrameType::Open, call.get())
            }
            ServerEvent::Reply(_) => panic!("nothing is answered by itself"),
        };
        assert_eq!(about, (self.frame().unwrap(), self.call()));
        assert!(self.0["dropped"].is_null());
    }
}
