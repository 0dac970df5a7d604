//! AWS KMS as the runtime's tests need it: an HTTPS server that checks signatures, attestation documents and the key's
//! policy as KMS does, answers in both of its encodings, and can be told to misbehave.
//!
//! For tests alone: its keys are drawn when it starts (but for that of its authority, which may be given), and its clock is the machine's.

mod authority;
mod credentials;
mod envelope;
mod insecure_signer;
mod key;
mod manner;
mod operation;
mod policy;
mod program;
mod server;
mod signature;

pub use authority::Root;
pub use credentials::{ACCESS_KEY_ID, EXPIRED_TOKEN, ROLE, SECRET_ACCESS_KEY};
pub use insecure_signer::{InsecureSigner, register};
pub use manner::Manner;
pub use program::run_program;
pub use server::{ENDPOINT, KEY_ARN, Kms, OTHER_KEY_ARN, REGION};
