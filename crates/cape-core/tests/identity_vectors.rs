//! The statements of `tests/vectors/session2.json`, made by an independent implementation.

use std::fs;

use cape_core::crypto::Secret;
use cape_core::encoding::hex;
use cape_core::identity::{Account, Isolation, Manifest, Signed};
use serde_json::Value;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/session2.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn bytes<const N: usize>(value: &Value, key: &str) -> [u8; N] {
    hex::decode_array(text(value, key)).unwrap()
}

fn account(statements: &Value) -> Account {
    Account::from_seed(Secret::take(&mut bytes(statements, "account_seed"))).unwrap()
}

#[test]
fn account_id() {
    let statements = &vectors()["statements"];
    let id = account(statements).id();
    assert_eq!(id.as_bytes(), &bytes::<32>(statements, "account_public"));
    assert_eq!(id.to_string(), text(statements, "account_id"));
}

#[test]
fn manifest() {
    let statements = &vectors()["statements"];
    let manifest = Signed::<Manifest>::read(text(statements, "manifest")).unwrap();
    assert_eq!(manifest.account, account(statements).id());
    assert_eq!(manifest.name, "echo");
    assert_eq!(manifest.isolation, Isolation::Session);
    assert_eq!(manifest.checksum().to_string(), text(statements, "checksum"));
    assert_eq!(manifest.function_id().as_str(), text(statements, "function_id"));

    let signed = Signed::sign((*manifest).clone(), &account(statements)).unwrap();
    assert_eq!(signed.text(), text(statements, "manifest"));
}
