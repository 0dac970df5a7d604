//! The primitives against published vectors: Project Wycheproof's, NIST's, and those of RFC 9180 and
//! the drafts of hpke-pq and X-Wing. What is called is what the crate itself calls, with whichever provider it was built.
//!
//! Each test states how many cases it ran: one that is skipped silently would fail, and so would a
//! success that nobody expects.

mod aead;
mod hpke;
mod key_schedule;
mod keyed_hashes;
mod ml_kem;
#[cfg(feature = "aws-lc")]
mod rsa_oaep;
mod signatures;
mod x25519;
mod xwing;

use serde_json::Value;

fn vectors(name: &str) -> Value {
    let path = format!("{}/../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    cape_core::encoding::hex::decode(value.as_str().unwrap()).unwrap()
}
