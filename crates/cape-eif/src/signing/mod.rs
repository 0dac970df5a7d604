//! Who made an image: the signature in it, and the key that makes one (`docs/spec/image.md`,
//! signature).

mod certificate;
mod pem;
mod signature;
mod signer;

pub use certificate::{Certificate, CertificateDefect};
pub use pem::PemDefect;
pub use signature::{Signature, SignatureDefect, SignatureError};
pub use signer::{NotSigned, Signer, SignerError};
