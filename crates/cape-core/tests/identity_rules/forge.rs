//! What is needed to break rules: fixed accounts, and signatures over whatever one likes.

use cape_core::UnixTime;
use cape_core::crypto::Secret;
use cape_core::crypto::provider::signature::Ed25519KeyPair;
use cape_core::encoding::base64url;
use cape_core::identity::{Account, Manifest, Signed};
use serde_json::{Value, json};

const SEED: [u8; 32] = [7; 32];
const OTHER_SEED: [u8; 32] = [8; 32];

/// When tokens and lists were made, in seconds; and the time to judge by, a little later.
pub(crate) const IAT: u64 = 1_795_492_000;
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(IAT + 56);

pub(crate) fn account() -> Account {
    Account::from_seed(Secret::take(&mut SEED.clone())).unwrap()
}

pub(crate) fn other_account() -> Account {
    Account::from_seed(Secret::take(&mut OTHER_SEED.clone())).unwrap()
}

/// A JWS with any header and payload, validly signed by [`account`].
pub(crate) fn jws(header: &str, payload: &str) -> String {
    sign(&format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes())))
}

/// `signed` with the signature of [`account`].
pub(crate) fn sign(signed: &str) -> String {
    sign_with(&SEED, signed)
}

fn sign_with(seed: &[u8; 32], signed: &str) -> String {
    let key = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
    format!("{signed}.{}", base64url::encode(key.sign(signed.as_bytes()).as_ref()))
}

/// A statement of the given `typ` with any payload, validly signed by [`account`].
pub(crate) fn statement(typ: &str, payload: &str) -> String {
    sign(&unsigned(typ, payload))
}

/// The same, signed by [`other_account`].
pub(crate) fn statement_of_other(typ: &str, payload: &str) -> String {
    sign_with(&OTHER_SEED, &unsigned(typ, payload))
}

fn unsigned(typ: &str, payload: &str) -> String {
    let header = format!(r#"{{"alg":"EdDSA","typ":"{typ}"}}"#);
    [header.as_str(), payload].map(|part| base64url::encode(part.as_bytes())).join(".")
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

/// The function that tokens are for.
pub(crate) fn manifest() -> Signed<Manifest> {
    Signed::read(&statement("cape-manifest+jws", &manifest_payload().to_string())).unwrap()
}

pub(crate) fn token_payload() -> Value {
    json!({
        "iss": account().id(), "sub": manifest().checksum(), "aud": "cape/run", "iat": IAT,
        "exp": IAT + 86_400, "jti": "0123456789abcdef",
    })
}
