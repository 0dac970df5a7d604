//! Receipts: what an enclave signs about one run of a function, for whoever has to be shown later what
//! ran on which data (`docs/spec/receipt.md`).
//!
//! ```text
//! Receipt::parse(bytes)?.verify(key, &attestation, &expectation)? -> VerifiedReceipt
//! ReceiptFile::parse(bytes)?.verify(&roots, &policy, &expectation, now)? -> VerifiedReceipt
//! ```
//!
//! The first is for a client that has verified the enclave's attestation document already; the second
//! for a file that holds the document too. Code that needs a proven receipt asks for a
//! [`VerifiedReceipt`]: nothing else makes one.

mod error;
mod expectation;
mod file;
mod form_defect;
mod key;
mod message;
#[cfg(feature = "aws-lc")]
mod signer;
mod statement;
mod verified;

pub use error::Error;
pub use expectation::{Expectation, ExpectedInput, ExpectedOutcome};
pub use file::{FileError, ReceiptFile};
pub use form_defect::FormDefect;
pub use key::ReceiptKey;
pub use message::{Receipt, Unverified};
#[cfg(feature = "aws-lc")]
pub use signer::{NotSigned, Signer};
pub use statement::{Outcome, Statement};
pub use verified::VerifiedReceipt;
