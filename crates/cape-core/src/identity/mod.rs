//! Accounts, what they sign, and what follows from it (`docs/spec/trust.md`).
//!
//! People sign [statements](Statement): JSON in a compact JWS. A [`Signed`] statement is one whose
//! signature holds and that keeps every rule of form; what it means for a call is judged by the
//! type's own methods, with time and context as arguments.

mod account;
mod checksum;
mod error;
mod json;
mod jws;
mod manifest;
mod statement;

pub use account::{Account, AccountId};
pub use checksum::{Checksum, FunctionId};
pub use error::Error;
pub use jws::{Form, Jws, MAX_JWS_LENGTH};
pub use manifest::{EPOCHS, Egress, Isolation, Manifest};
pub use statement::{BrokenRule, Signed, Statement, StatementType, Version};
