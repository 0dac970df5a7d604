//! Attestation documents as they come from the network: what is read, another library reads as the
//! same claims, and nothing without a genuine signature is believed.

use cape_core::attest::{
    Document, Expectation, ExpectedNonce, Freshness, Policy, Purpose, TrustRoots, Unverified,
};
use core::time::Duration;
use serde_cbor::Value;

use crate::{second_opinion, vectors};

const AWS_ROOT: &[u8] = include_bytes!("../../../crates/cape-core/src/attest/aws_nitro_root.der");

pub(crate) fn check(input: &[u8]) {
    let Ok(document) = Document::parse(input) else { return };
    let claims = document.inspect();
    assert_eq!(claims_of(input), claims_as_values(&claims), "a second opinion");

    let handshake = vectors::cheap_handshake();
    let expectation = Expectation {
        nonce: ExpectedNonce::Unchecked,
        purpose: Purpose::Any,
        freshness: Freshness::OwnTime { max_skew: Duration::MAX },
    };
    let policy = Policy::insecure_any_code();
    let development = handshake.bytes("trust_root");
    for (roots, root) in [(handshake.roots(), &*development), (TrustRoots::aws(), AWS_ROOT)] {
        if let Ok(verified) = document.verify(&roots, &policy, &expectation, handshake.now(), None) {
            assert_eq!(second_opinion::of(input, root, verified.timestamp()), Ok(()));
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let documents: Vec<_> = vectors::handshakes().iter().map(|handshake| document_of(*handshake)).collect();
    let tagged = documents.iter().take(1).map(|document| [&[0xd2], document.as_slice()].concat());
    documents.iter().cloned().chain(tagged).collect()
}

/// The document in a published ServerHello.
pub(crate) fn document_of(handshake: vectors::Handshake) -> Vec<u8> {
    let hello = serde_cbor::from_slice(&handshake.bytes("server_hello")).expect("a ServerHello");
    let Value::Map(mut fields) = hello else { panic!("a ServerHello is a map") };
    match fields.remove(&Value::Integer(2)) {
        Some(Value::Bytes(document)) => document,
        other => panic!("{other:?} is no document"),
    }
}

/// What the document claims, by another library: module, time, key, user data, nonce, leaf, registers.
fn claims_of(document: &[u8]) -> Vec<Value> {
    let Ok(Value::Array(parts)) = serde_cbor::from_slice(document) else { panic!("no array") };
    let [Value::Bytes(_), Value::Map(_), Value::Bytes(payload), Value::Bytes(_)] = parts.as_slice() else {
        panic!("{parts:?}")
    };
    let Ok(Value::Map(fields)) = serde_cbor::from_slice(payload) else { panic!("no map") };
    let names = ["module_id", "timestamp", "public_key", "user_data", "nonce", "certificate", "pcrs"];
    let field = |name: &str| fields.get(&Value::Text(name.to_owned())).cloned();
    names.map(|name| field(name).unwrap_or(Value::Null)).to_vec()
}

fn claims_as_values(claims: &Unverified) -> Vec<Value> {
    let bytes = |bytes: &Option<Vec<u8>>| bytes.clone().map_or(Value::Null, Value::Bytes);
    let registers = claims.pcrs.iter().map(|(index, value)| ((*index).into(), Value::Bytes(value.to_vec())));
    vec![
        Value::Text(claims.module_id.clone()),
        Value::Integer(claims.timestamp.as_millis().into()),
        bytes(&claims.public_key),
        bytes(&claims.user_data),
        bytes(&claims.nonce),
        Value::Bytes(claims.leaf.clone()),
        Value::Map(registers.map(|(index, value)| (Value::Integer(index), value)).collect()),
    ]
}
