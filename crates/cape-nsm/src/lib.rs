//! The Nitro Secure Module (NSM): what an enclave asks for random bytes, measurements and
//! attestation documents.
//!
//! [`Nsm`] is the module as its users see it. Behind it stands either [`Device`], the character
//! device of a real enclave, or [`SimulatedNsm`], which keeps the same state, enforces the same
//! limits and signs real documents under a development root ([`Pki`]). Both are fed the same
//! bytes: what a user of [`Nsm`] sends is encoded in [`messages`] for either.
//!
//! [`Measurements`] are the values of PCR0, PCR1 and PCR2 of a process that runs without an
//! image, computed from the files that it consists of.

#![deny(unsafe_code)]

#[allow(unsafe_code)] // the ioctl
mod device;
mod error;
mod measurement;
pub mod messages;
mod nsm;
mod pki;
mod simulated;

pub use device::Device;
pub use error::Error;
pub use measurement::{MeasuredFiles, MeasurementError, Measurements};
pub use nsm::{AttestationFields, Nsm};
pub use pki::{Pki, PkiError};
pub use simulated::SimulatedNsm;
