//! The one set of credentials that is known, and whose they are.

/// The id of the access key.
pub const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// Its secret.
pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// The role that it is of.
pub const ROLE: &str = "arn:aws:iam::111122223333:role/cape-host";
/// A session token that was good once. Any other one is.
pub const EXPIRED_TOKEN: &str = "expired-session-token";
