//! The suite that other implementations are tried with (`docs/spec/conformance.md`). Session
//! transcripts, which need what no public function gives, are in `src/session/tests/published.rs`;
//! envelopes and documents in `envelope_rules` and `attest_rules`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod access;
mod derivations;
mod files;
mod keys;
mod statements;
mod upgrades;
