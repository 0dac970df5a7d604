//! Accounts, what they sign, and what follows from it (`docs/spec/trust.md`).
//!
//! People sign [statements](Statement): JSON in a compact JWS. A [`Signed`] statement is one whose
//! signature holds and that keeps every rule of form; what it means for a call is judged by the
//! type's own methods, with time and context as arguments.

mod access;
mod account;
mod any_statement;
mod checksum;
mod epoch;
mod error;
mod input;
mod json;
mod jws;
mod manifest;
mod name_claim;
mod owner_proof;
mod request;
mod revocation;
mod seconds;
mod statement;
mod token;
mod vault;

pub use access::{Caller, Credential, Records, authorize};
pub use account::{Account, AccountId};
pub use any_statement::AnyStatement;
pub use checksum::{Checksum, FunctionId};
pub use epoch::EpochRecord;
pub use error::Error;
pub use jws::{Form, Jws, MAX_JWS_LENGTH};
pub use manifest::{EPOCHS, Egress, Isolation, Manifest};
pub use name_claim::{NameClaim, is_account_name};
pub use owner_proof::{OwnerProof, OwnerSession};
pub use request::Request;
pub use revocation::{RevocationList, RevocationNumbers};
pub use statement::{BrokenRule, Signed, Statement, StatementType, Version};
pub use token::{Audience, Token};
pub use vault::{BlobKind, BlobName, Vault};
