//! The `cape:` ciphertext, version 2, and its keys (`docs/spec/envelope.md`).
//!
//! **The sender is not authenticated**: anyone who has a public key can seal for it.

mod chunk;
mod context;
mod error;
mod header;
mod inspect;
mod key;
mod key_id;
mod open;
mod payload;
mod rsa;
mod seal;
mod stanza;
mod suite;
mod text;
mod use_rules;

pub use context::{Context, MAX_CONTEXT_LENGTH};
pub use error::{Defect, Error, Truncation};
pub use header::{MAX_ANONYMOUS, MAX_RECIPIENTS};
pub use inspect::{Header, Stanza, inspect};
pub use key::{PrivateKey, PublicKey};
pub use key_id::{KeyId, KeyType};
pub use open::{Opened, open, open_text_with};
pub use payload::{
    CHUNK_LENGTH, PREFIX_LENGTH, PayloadOpener, PayloadSealer, SEALED_CHUNK_LENGTH, payload_length,
    plaintext_length,
};
pub use seal::{SealOptions, seal, seal_into, seal_text, seal_text_into, sealed_size, sealed_text_size};
pub use suite::Suite;
pub use text::{TEXT_MARK, TEXT_PREFIX};
pub use use_rules::UseRules;
