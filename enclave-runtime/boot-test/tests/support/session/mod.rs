//! A client of the session protocol (`docs/spec/session.md`) for enclaves whose security module does
//! not sign.
//!
//! `cape-core`'s own client takes an enclave's document as it is and nothing else, as it has to: this
//! one is for tests alone. It hands the document to the strict verifier, which refuses it, then judges
//! a copy that was signed under a development root; the transcript has the bytes that the enclave sent.

mod cbor;
mod client;
mod document;
mod frames;
mod handshake;

pub(crate) use client::{Client, Failed};
pub(crate) use document::with_algorithm;
pub(crate) use handshake::Greeted;
