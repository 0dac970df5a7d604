//! The core of Cape, common to every language: what an enclave proves, how data is protected for
//! it, and how a client talks to it.
//!
//! | module | what it is | specification |
//! |---|---|---|
//! | [`attest`] | attestation documents, trust roots, policies | `docs/spec/attestation.md` |
//! | [`cms`] | what KMS encrypts for an enclave | RFC 5652 |
//! | [`cose`] | what is signed with ES384 | RFC 9052 |
//! | [`envelope`] | the `cape:` ciphertext and its keys | `docs/spec/envelope.md` |
//! | [`identity`] | accounts, manifests, tokens, the vault's derivations | `docs/spec/trust.md` |
//! | [`receipt`] | what an enclave signs about a run | `docs/spec/receipt.md` |
//! | [`session`] | the protocol between client and enclave, both roles | `docs/spec/session.md` |
//!
//! Nothing here does I/O, reads a clock or an environment: bytes, time, randomness and trust roots
//! are arguments, but for what AWS-LC draws itself ([`Randomness`] says where). Input is untrusted
//! everywhere; no function panics on it.

#![forbid(unsafe_code)]
#![deny(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

#[cfg(not(any(feature = "ring", feature = "aws-lc")))]
compile_error!("cape-core needs a provider of primitives: the feature `ring` or `aws-lc`");

pub mod attest;
pub mod cms;
pub mod cose;
pub mod crypto;
mod der;
mod ecdsa;
pub mod encoding;
pub mod envelope;
mod error_code;
mod excerpt;
pub mod identity;
mod randomness;
pub mod receipt;
pub mod session;
mod time;

pub use error_code::ErrorCode;
pub use randomness::Randomness;
pub use time::UnixTime;
