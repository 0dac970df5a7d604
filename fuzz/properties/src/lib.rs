//! What holds for any input: one module for each reader of untrusted bytes, and one for the session.
//!
//! A [`Target`] is a property and where its inputs come from. `cargo fuzz` searches for inputs that
//! break one (`fuzz/fuzz_targets/`); `cargo test` replays the seeds and every input that ever did
//! (`fuzz/regressions/`), so that both say the same.

mod bundle;
mod cbor;
mod cms;
mod context;
mod cpio;
mod description;
mod document;
mod envelope;
mod envelope_parts;
mod from_client;
mod from_enclave;
mod image;
mod image_signature;
mod inflate;
mod jws;
mod keys;
mod nsm;
mod peer;
mod policy;
mod query;
mod random;
mod receipt;
mod receipt_key;
mod recipients;
mod salts;
mod server_hello;
mod session;
mod signed_document;
mod statement;
mod vectors;
mod worker_fields;

#[path = "../../../crates/cape-core/tests/attest_rules/second_opinion.rs"]
mod second_opinion;

/// A property of whatever reads untrusted bytes.
pub struct Target {
    /// The name of the fuzz target, and of its folder of regressions.
    pub name: &'static str,
    /// Panics where the property does not hold for an input.
    pub check: fn(&[u8]),
    /// Inputs from which others are made.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "bundle", check: bundle::check, seeds: bundle::seeds },
    Target { name: "cbor", check: cbor::check, seeds: cbor::seeds },
    Target { name: "cms", check: cms::check, seeds: cms::seeds },
    Target { name: "context", check: context::check, seeds: context::seeds },
    Target { name: "cpio", check: cpio::check, seeds: cpio::seeds },
    Target { name: "description", check: description::check, seeds: description::seeds },
    Target { name: "document", check: document::check, seeds: document::seeds },
    Target { name: "envelope", check: envelope::check, seeds: envelope::seeds },
    Target { name: "envelope_parts", check: envelope_parts::check, seeds: envelope_parts::seeds },
    Target { name: "from_client", check: from_client::check, seeds: from_client::seeds },
    Target { name: "from_enclave", check: from_enclave::check, seeds: from_enclave::seeds },
    Target { name: "image", check: image::check, seeds: image::seeds },
    Target { name: "image_signature", check: image_signature::check, seeds: image_signature::seeds },
    Target { name: "inflate", check: inflate::check, seeds: inflate::seeds },
    Target { name: "jws", check: jws::check, seeds: jws::seeds },
    Target { name: "keys", check: keys::check, seeds: keys::seeds },
    Target { name: "nsm", check: nsm::check, seeds: nsm::seeds },
    Target { name: "policy", check: policy::check, seeds: policy::seeds },
    Target { name: "query", check: query::check, seeds: query::seeds },
    Target { name: "receipt", check: receipt::check, seeds: receipt::seeds },
    Target { name: "receipt_key", check: receipt_key::check, seeds: receipt_key::seeds },
    Target { name: "recipients", check: recipients::check, seeds: recipients::seeds },
    Target { name: "salts", check: salts::check, seeds: salts::seeds },
    Target { name: "server_hello", check: server_hello::check, seeds: server_hello::seeds },
    Target { name: "session", check: session::check, seeds: session::seeds },
    Target { name: "signed_document", check: signed_document::check, seeds: signed_document::seeds },
    Target { name: "statement", check: statement::check, seeds: statement::seeds },
    Target { name: "worker_fields", check: worker_fields::check, seeds: worker_fields::seeds },
];

/// Checks one input against the target of that name.
///
/// # Panics
/// When there is no such target, and when the property does not hold.
pub fn check(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of that name").check)(input);
}
