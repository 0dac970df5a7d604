//! What is needed to break rules: fixed accounts, and signatures over whatever one likes.

use cape_core::crypto::Secret;
use cape_core::crypto::provider::signature::Ed25519KeyPair;
use cape_core::encoding::base64url;
use cape_core::identity::{Account, Manifest, Signed};
use serde_json::{Value, json};

const SEED: [u8; 32] = [7; 32];

pub(crate) fn account() -> Account {
    Account::from_seed(Secret::take(&mut SEED.clone())).unwrap()
}

pub(crate) fn other_account() -> Account {
    Account::from_seed(Secret::take(&mut [8; 32])).unwrap()
}

/// A JWS with any header and payload, validly signed by [`account`].
pub(crate) fn jws(header: &str, payload: &str) -> String {
    sign(&format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes())))
}

/// `signed` with the signature of [`account`].
pub(crate) fn sign(signed: &str) -> String {
    let key = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    format!("{signed}.{}", base64url::encode(key.sign(signed.as_bytes()).as_ref()))
}

/// A statement of the given `typ` with any payload, validly signed by [`account`].
pub(crate) fn statement(typ: &str, payload: &str) -> String {
    jws(&format!(r#"{{"alg":"EdDSA","typ":"{typ}"}}"#), payload)
}

pub(crate) fn manifest_payload() -> Value {
    json!({
        "v": 2, "account": account().id(), "name": "echo", "version": 1,
        "bundle_sha256": "3a7bff5e9e81381985633620d43255d697da43c168c80729111083e055a349b6",
        "bundle_size": 1234, "python": "3.11", "platform": "x86_64-manylinux_2_28",
        "handler": "app:cape_handler", "isolation": "session", "memory_mib": 512, "timeout_s": 60,
        "env": {}, "egress": "none",
    })
}

pub(crate) fn manifest_with(field: &str, value: Value) -> Signed<Manifest> {
    let mut payload = manifest_payload();
    payload[field] = value;
    Signed::read(&statement("cape-manifest+jws", &payload.to_string())).unwrap()
}
