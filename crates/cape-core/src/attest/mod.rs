//! Attestation documents: parsed, verified against trust roots and a policy
//! (`docs/spec/attestation.md`).
//!
//! ```text
//! Document::parse(bytes)?.verify(&roots, &policy, &expectation, now, cache)? -> VerifiedAttestation
//! ```
//!
//! Code that needs a proven peer asks for a [`VerifiedAttestation`]: nothing else makes one.

mod certificate;
mod certificate_time;
mod chain;
mod chain_cache;
mod defects;
mod der;
mod distinguished_name;
mod document;
mod error;
mod expectation;
mod payload;
mod policy;
mod policy_file;
mod release;
mod roots;
mod user_data;
mod verified;

pub use chain_cache::ChainCache;
pub use defects::{CertificateDefect, ChainDefect, FormDefect};
pub use document::{Document, Unverified};
pub use error::Error;
pub use expectation::{DEFAULT_MAX_AGE, DEFAULT_MAX_SKEW, Expectation, ExpectedNonce, Freshness, Purpose};
pub use payload::Pcr;
pub use policy::{Policy, PolicyError};
pub use policy_file::PolicyFileError;
pub use release::Release;
pub use roots::{Trust, TrustRoots, TrustRootsError};
pub use user_data::{SessionData, UserDataDefect, VaultBirth};
pub use verified::{ChainCertificate, VerifiedAttestation};
