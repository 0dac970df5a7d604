//! Every value of the published handshakes.

use serde_json::Value;

use super::super::content::AnswerForm;
use super::super::frame::{Opener, Sealer};
use super::super::keys::info;
use super::*;
use crate::crypto::sha256;
use crate::encoding::base64url;
use crate::receipt::{self, Receipt};

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
        assert_eq!(payload["session"].as_str().unwrap(), handshake.keys().owner_session.to_string());
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
fn the_enclaves_receipt_holds() {
    for handshake in Handshake::all() {
        let mut message = handshake.message(1);
        let keys = &handshake.keys().enclave_to_client;
        let (_, content) = Opener::new(handshake.suite, keys).open(&mut message).unwrap();
        let (end, _) = End::decode(content, AnswerForm::Output).unwrap();
        let (input, output) = (handshake.bytes("input"), handshake.bytes("output"));
        let expectation = receipt::Expectation {
            session: Some(handshake.array("leaf")),
            call_nonce: Some(handshake.array("call_nonce")),
            input: Some(receipt::ExpectedInput::Sent(&input)),
            outcome: Some(receipt::ExpectedOutcome::Output(&output)),
            salts: end.salts,
            ..receipt::Expectation::default()
        };
        let bytes = end.receipt.unwrap();
        let verified = Receipt::parse(&bytes).unwrap().verify(
            &handshake.bytes("receipt_key_spki"),
            &handshake.attestation(),
            &expectation,
        );
        assert_eq!(verified.unwrap().as_bytes(), bytes);
    }
}

#[test]
fn a_reflected_frame_is_forged() {
    for handshake in Handshake::all() {
        let mut client = Channel::of_client(handshake.suite, &handshake.keys());
        let mut reflected = client.seal(FrameType::Data, call(1), b"hello").unwrap();
        assert_eq!(client.open(&mut reflected), Err(Violation::FrameForged { counter: 0 }));
    }
}
