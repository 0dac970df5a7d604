//! The `cape:` ciphertext, version 2, and its keys (`docs/spec/envelope.md`).
//!
//! ```
//! use cape_core::crypto::Kem;
//! use cape_core::envelope::{Context, PrivateKey, SealOptions, open, seal_text};
//! # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
//!
//! let key = PrivateKey::generate(Kem::XWing, &mut rng);
//! let context = Context::new([("note", "for the tests")])?;
//! let text = seal_text(b"hello", &[key.public_key()], &context, b"", SealOptions::default(), &mut rng)?;
//! assert!(text.starts_with("cape:2:"));
//! assert_eq!(open(text.as_bytes(), &[&key], b"")?.plaintext, b"hello");
//! # Ok::<(), cape_core::envelope::Error>(())
//! ```
//!
//! An enclave opens with [`open_text_with`], which lets it judge the [`UseRules`] before the payload is
//! opened. What is longer than memory is sealed from [`begin_seal`] and opened from [`begin_open`], over
//! windows of the caller's own buffers. The payload layer alone, [`PayloadSealer`] and
//! [`PayloadOpener`], is for what has a key of its own.
//!
//! **The sender is not authenticated**: anyone who has a public key can seal for it.

mod allocation;
mod chunk;
mod context;
mod error;
mod header;
mod inspect;
mod key;
mod key_id;
mod open;
mod parallel;
mod payload;
#[cfg(test)]
mod published_vectors;
mod random_access;
mod recipients;
mod rsa;
mod seal;
mod stanza;
mod stream;
mod suite;
mod text;
mod text_stream;
mod unwrap;
mod use_rules;
mod version_one;

pub use context::{Context, MAX_CONTEXT_LENGTH};
pub use error::{Defect, Error, Truncation};
pub use header::{MAX_ANONYMOUS, MAX_RECIPIENTS, START_LENGTH};
pub use inspect::{Header, Stanza, inspect, inspect_start};
pub use key::{PrivateKey, PublicKey};
pub use key_id::{KeyId, KeyType};
pub use open::{Opened, Opening, open, open_text_with};
pub use payload::{
    CHUNK_LENGTH, PREFIX_LENGTH, PayloadOpener, PayloadSealer, SEALED_CHUNK_LENGTH, payload_length,
    plaintext_length,
};
pub use random_access::{RandomAccess, last_chunk_start};
pub use recipients::{RecipientChange, change_header, change_recipients};
pub use seal::{SealOptions, seal, seal_into, seal_text, seal_text_into, sealed_size, sealed_text_size};
pub use stream::{begin_open, begin_seal, head_length, header_length};
pub use suite::Suite;
pub use text::{TEXT_MARK, TEXT_PREFIX, is_version_one};
pub use text_stream::TextDecoder;
pub use use_rules::UseRules;
pub use version_one::seal_version_one;
