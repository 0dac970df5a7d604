//! The `cape:` ciphertext, version 2, and its keys (`docs/spec/envelope.md`).
//!
//! **The sender is not authenticated**: anyone who has a public key can seal for it.

mod chunk;
mod context;
mod error;
mod header;
mod key;
mod key_id;
mod payload;
mod rsa;
mod suite;

pub use context::MAX_CONTEXT_LENGTH;
pub use error::{Defect, Error, Truncation};
pub use header::{MAX_ANONYMOUS, MAX_RECIPIENTS};
pub use key::{PrivateKey, PublicKey};
pub use key_id::{KeyId, KeyType};
pub use payload::{
    CHUNK_LENGTH, PREFIX_LENGTH, PayloadOpener, PayloadSealer, SEALED_CHUNK_LENGTH, payload_length,
    plaintext_length,
};
pub use suite::Suite;

/// What every text form begins with, whatever its version.
pub const TEXT_MARK: &[u8] = b"cape:";
