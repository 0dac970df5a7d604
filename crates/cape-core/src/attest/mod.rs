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
mod chain_defect;
mod der_defect;
mod distinguished_name;
mod document;
mod error;
mod expectation;
mod form_defect;
mod payload;
mod policy;
mod policy_file;
mod release;
mod roots;
mod user_data;
mod verified;

pub use chain_cache::ChainCache;
pub use chain_defect::{CertificateDefect, ChainDefect};
pub use der_defect::DerDefect;
pub use document::{Document, Unverified};
pub use error::Error;
pub use expectation::{DEFAULT_MAX_AGE, DEFAULT_MAX_SKEW, Expectation, ExpectedNonce, Freshness, Purpose};
pub use form_defect::FormDefect;
pub use payload::Pcr;
pub use policy::{Policy, PolicyError};
pub use policy_file::PolicyFileError;
pub use release::Release;
pub use roots::{Trust, TrustRoots, TrustRootsError};
pub use user_data::{SessionData, UserDataDefect, VaultBirth};
pub use verified::{ChainCertificate, VerifiedAttestation};
