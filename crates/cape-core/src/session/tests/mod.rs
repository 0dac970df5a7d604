//! Tests that need what no public function gives: intermediate values, and a peer that seals
//! whatever it likes.

mod content;
mod hostile_client;
mod hostile_enclave;
mod mutations;
mod published;
mod vectors;

use serde_json::Value;

use super::channel::Channel;
use super::frame::Header;
use super::hello::ServerHello;
use super::keys::SessionKeys;
use super::*;
use crate::UnixTime;
use crate::attest::{Document, Expectation, Policy, Release, TrustRoots, VerifiedAttestation};
use crate::crypto::{Exporter, KemPrivateKey, KemPublicKey, Secret, setup_receiver, sha384};
use crate::encoding::hex;

/// A published handshake (tests/vectors/session2.json).
struct Handshake {
    offer: Offer,
    suite: Suite,
    key: KemPrivateKey,
    branch: Branch,
    json: Value,
}

impl Handshake {
    fn all() -> Vec<Self> {
        let file = include_str!("../../../../../tests/vectors/session2.json");
        let mut file: Value = serde_json::from_str(file).unwrap();
        let handshakes: Vec<_> =
            file["handshakes"].as_array_mut().unwrap().drain(..).map(Self::new).collect();
        assert_eq!(handshakes.len(), 5);
        handshakes
    }

    /// The one with suite 2, whose handshake costs least.
    fn cheap() -> Self {
        Self::all().swap_remove(1)
    }

    fn new(json: Value) -> Self {
        let offer: Vec<_> = json["offer"].as_array().unwrap().iter().map(Value::to_string).collect();
        let suite = Suite::from_id(json["suite"].as_u64().unwrap() as u8).unwrap();
        let seed = hex::decode_array::<32>(json["kem_private"].as_str().unwrap()).unwrap();
        let path = json["path"].as_array().unwrap().iter();
        let path = path.map(|hash| hex::decode_array(hash.as_str().unwrap()).unwrap()).collect();
        Self {
            offer: Offer::parse(&offer.join(",")).unwrap(),
            suite,
            key: KemPrivateKey::from_seed(suite.kem(), Secret::fill_with(|bytes| *bytes = seed)),
            branch: Branch::new(path, json["index"].as_u64().unwrap()).unwrap(),
            json,
        }
    }

    fn bytes(&self, field: &str) -> Vec<u8> {
        hex::decode(self.json[field].as_str().unwrap()).unwrap()
    }

    fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.bytes(field).try_into().unwrap()
    }

    fn public_key(&self) -> KemPublicKey {
        KemPublicKey::from_bytes(self.suite.kem(), &self.bytes("kem_public")).unwrap()
    }

    fn message(&self, index: usize) -> Vec<u8> {
        hex::decode(self.json["frames"][index]["message"].as_str().unwrap()).unwrap()
    }

    /// The client's first message, as encapsulated key and frame.
    fn first_message(&self) -> (Vec<u8>, Vec<u8>) {
        let mut encapsulated = self.message(0);
        let frame = encapsulated.split_off(self.suite.kem().encapsulated_length());
        (encapsulated, frame)
    }

    fn exporter(&self) -> Exporter {
        setup_receiver(&self.key, &self.first_message().0, &self.bytes("info")).unwrap()
    }

    fn keys(&self) -> SessionKeys {
        SessionKeys::export(&self.exporter(), &sha384(&[&self.bytes("server_hello")]))
    }

    fn attestation(&self) -> VerifiedAttestation {
        let release = Release {
            name: "vector".to_owned(),
            pcrs: [(0, self.array("pcr0"))].into(),
            vault: Some(self.array("vault_id_in_user_data")),
            not_after: None,
        };
        let message = self.bytes("server_hello");
        let hello = ServerHello::decode(&message, &self.offer).unwrap();
        let roots = TrustRoots::development(vec![self.bytes("trust_root")]).unwrap();
        let policy = Policy::new(vec![release]).unwrap();
        let root = self.array::<32>("root");
        let now = UnixTime::from_millis(self.json["now_ms"].as_u64().unwrap());
        let document = Document::parse(hello.document).unwrap();
        document.verify(&roots, &policy, &Expectation::session(&root), now, None).unwrap()
    }

    /// A client's session, and an enclave that seals whatever the test wants.
    fn client_and_hostile_enclave(&self) -> (ClientSession, Hostile) {
        let (keys, leaf) = (self.keys(), self.array("leaf"));
        let enclave = Hostile(Channel::of_enclave(self.suite, &keys));
        (ClientSession::new(self.attestation(), self.suite, leaf, keys, vec![]), enclave)
    }

    /// An enclave's session, and a client that seals whatever the test wants.
    fn enclave_and_hostile_client(&self) -> (ServerSession, Hostile) {
        let (keys, leaf) = (self.keys(), self.array("leaf"));
        let client = Hostile(Channel::of_client(self.suite, &keys));
        (ServerSession::new(self.suite, leaf, keys, 2), client)
    }
}

/// A side that has the session's keys and keeps none of its rules.
struct Hostile(Channel);

impl Hostile {
    fn seal(&mut self, frame: FrameType, call: u32, content: &[u8]) -> Vec<u8> {
        self.0.seal_behind(Vec::new(), Header { frame, call }, content).unwrap()
    }
}

fn call(number: u32) -> CallId {
    CallId::new(number).unwrap()
}

fn run() -> Open {
    Open::new(Request::Run { checksum: [7; 32] })
}

/// A run that asks for a receipt.
fn proven_run() -> Open {
    Open { call_nonce: Some([9; 32]), ..run() }
}

fn run_with_input(input: &[u8]) -> Open {
    Open { input: Some(input.to_vec()), ..run() }
}
