//! Every value of the published handshakes (tests/vectors/session2.json), also those that no public
//! function returns.

use serde_json::Value;

use super::call::CallId;
use super::channel::Channel;
use super::content::{AnswerForm, End, Open};
use super::frame::{Header, Opener, Sealer};
use super::hello::ServerHello;
use super::keys::{SessionKeys, info};
use super::*;
use crate::crypto::{Exporter, KemPrivateKey, KemPublicKey, Secret, setup_receiver, sha256, sha384};
use crate::encoding::{base64url, hex};

struct Handshake {
    offer: Offer,
    suite: Suite,
    key: KemPrivateKey,
    branch: Branch,
    json: Value,
}

impl Handshake {
    fn all() -> Vec<Self> {
        let file = include_str!("../../../../tests/vectors/session2.json");
        let mut file: Value = serde_json::from_str(file).unwrap();
        let handshakes: Vec<_> =
            file["handshakes"].as_array_mut().unwrap().drain(..).map(Self::new).collect();
        assert_eq!(handshakes.len(), 5);
        handshakes
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
}

#[test]
fn leaf_and_root() {
    for handshake in Handshake::all() {
        let leaf = binding::leaf(
            &handshake.offer,
            handshake.suite,
            &handshake.array("client_nonce"),
            &handshake.array("server_nonce"),
            &handshake.public_key(),
        );
        assert_eq!(leaf, handshake.array("leaf"));
        assert_eq!(handshake.branch.root(&leaf), handshake.array("root"));
        assert_eq!(handshake.offer.choose(&[handshake.suite]), Some(handshake.suite));
        assert_eq!(handshake.key.public_key().unwrap().as_bytes(), handshake.bytes("kem_public"));
    }
}

#[test]
fn server_hello() {
    for handshake in Handshake::all() {
        let message = handshake.bytes("server_hello");
        let hello = ServerHello::decode(&message, &handshake.offer).unwrap();
        assert_eq!(hello.suite, handshake.suite);
        assert_eq!(hello.branch, handshake.branch);
        assert_eq!(hello.server_nonce, handshake.array("server_nonce"));
        assert_eq!(hello.public_key.as_bytes(), handshake.bytes("kem_public"));
        assert_eq!(hello.encode(), message);
    }
}

#[test]
fn info_and_exports() {
    for handshake in Handshake::all() {
        let server_hello_sha384 = sha384(&[&handshake.bytes("server_hello")]);
        let leaf = handshake.array("leaf");
        assert_eq!(info(handshake.suite, &server_hello_sha384, &leaf), handshake.bytes("info"));
        let keys = handshake.keys();
        let owner: Secret<32> = handshake.exporter().export(b"cape/2 owner");
        for (label, exported) in [
            ("c2e key", &keys.client_to_enclave.key.expose()[..]),
            ("c2e iv", &keys.client_to_enclave.iv.expose()[..]),
            ("e2c key", &keys.enclave_to_client.key.expose()[..]),
            ("e2c iv", &keys.enclave_to_client.iv.expose()[..]),
            ("cape/2 owner", &owner.expose()[..]),
        ] {
            assert_eq!(hex::encode(exported), handshake.json["exports"][label].as_str().unwrap(), "{label}");
        }
    }
}

#[test]
fn owner_session() {
    for handshake in Handshake::all() {
        let proof = handshake.json["owner_proof"].as_str().unwrap();
        let payload = base64url::decode(proof.split('.').nth(1).unwrap().as_bytes()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(payload["session"].as_str().unwrap(), handshake.keys().owner_session);
    }
}

#[test]
fn the_clients_frame_opens_and_is_sealed_the_same() {
    for handshake in Handshake::all() {
        let (_, frame) = handshake.first_message();
        let keys = &handshake.keys().client_to_enclave;
        let mut message = frame.clone();
        let (header, content) = Opener::new(handshake.suite, keys).open(&mut message).unwrap();
        assert_eq!(header, Header { frame: FrameType::Open, call: 1 });
        let open = Open::decode(content).unwrap();
        assert!(matches!(open.request, Request::Run { .. }));
        assert_eq!(open.owner_proof.as_deref(), handshake.json["owner_proof"].as_str());
        assert_eq!(open.call_nonce, Some(handshake.array("call_nonce")));
        assert_eq!(open.input, Some(handshake.bytes("input")));
        let mut sealer = Sealer::new(handshake.suite, keys);
        assert_eq!(sealer.seal_behind(vec![], header, &open.encode()).unwrap(), frame);
    }
}

#[test]
fn the_enclaves_frame_opens_and_is_sealed_the_same() {
    for handshake in Handshake::all() {
        let frame = handshake.message(1);
        let keys = &handshake.keys().enclave_to_client;
        let mut message = frame.clone();
        let (header, content) = Opener::new(handshake.suite, keys).open(&mut message).unwrap();
        assert_eq!(header, Header { frame: FrameType::End, call: 1 });
        let (end, output_sha256) = End::decode(content, AnswerForm::Output).unwrap();
        assert_eq!(end.output, handshake.bytes("output"));
        assert_eq!(output_sha256, sha256(&[&end.output]));
        assert!(end.receipt.is_some() && end.salts.is_some());
        let mut sealer = Sealer::new(handshake.suite, keys);
        assert_eq!(sealer.seal_behind(vec![], header, &end.encode(&output_sha256)).unwrap(), frame);
    }
}

#[test]
fn a_reflected_frame_is_forged() {
    for handshake in Handshake::all() {
        let mut client = Channel::of_client(handshake.suite, &handshake.keys());
        let mut reflected = client.seal(FrameType::Data, CallId::new(1).unwrap(), b"hello").unwrap();
        assert_eq!(client.open(&mut reflected), Err(Violation::FrameForged { counter: 0 }));
    }
}
