//! Primitives: one provider for all of them, secrets as types, and HPKE.

mod hash;
mod hpke;
mod kem;
mod secret;
#[cfg(feature = "aws-lc")]
mod xwing;

pub use hash::{Sha256, Sha384, hkdf_sha512, hkdf_sha512_expand, hmac_sha256, sha256, sha384};
pub use hpke::{Exporter, open, seal, setup_receiver, setup_sender};
pub use kem::{HpkeError, Kem, KemPrivateKey, KemPublicKey};
pub use secret::{Secret, constant_time_eq};

/// The crate that implements the primitives. Both offer the same interface; when both are enabled,
/// AWS-LC is used.
#[cfg(feature = "aws-lc")]
pub use aws_lc_rs as provider;
#[cfg(not(feature = "aws-lc"))]
pub use ring as provider;
