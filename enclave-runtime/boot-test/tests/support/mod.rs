//! What the tests of booted machines stand on: the machine, its host's side, and a client.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "tests and timings use a part of this")]

#[path = "../../../tests/support/blob_store.rs"]
pub(crate) mod blob_store;
pub(crate) mod clock;
pub(crate) mod enclave;
pub(crate) mod environment;
#[path = "../../../tests/support/function.rs"]
pub(crate) mod function;
pub(crate) mod host;
pub(crate) mod image;
pub(crate) mod kms;
pub(crate) mod machine;
pub(crate) mod probe;
pub(crate) mod session;

/// What functions are packed for.
pub(crate) struct Platform {
    pub(crate) python_version: String,
    pub(crate) platform: String,
}
