use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::statement::{BrokenRule, Signed, Statement, StatementType, Version};
use super::{AccountId, Error};
use crate::crypto::{Secret, constant_time_eq, sha256};
use crate::encoding::base64url;

/// What proves that an account itself is at the other end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerProof {
    /// The version of this form.
    pub v: Version,
    /// Who proves it.
    pub account: AccountId,
    /// Which session.
    pub session: OwnerSession,
}

/// A session as an owner proof names it: 32 bytes that both ends derive and no relay can choose,
/// since they depend on the keys of the session.
///
/// As text it is base64url, 43 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerSession([u8; 32]);

impl OwnerSession {
    /// The session that began with the ServerHello of this hash and whose HPKE context exports
    /// `export` for "cape/2 owner".
    pub fn new(server_hello_sha384: &[u8; 48], export: &Secret<32>) -> Self {
        Self(sha256(&[b"cape/2 owner", server_hello_sha384, export.expose()]))
    }

    /// The session with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl OwnerProof {
    /// The proof of `account` for a session.
    pub fn new(account: AccountId, session: OwnerSession) -> Self {
        Self { v: Version, account, session }
    }
}

impl Signed<OwnerProof> {
    /// Judges it: `account` is at the other end of `session`.
    pub fn verify(&self, account: AccountId, session: &OwnerSession) -> Result<(), Error> {
        if self.account != account {
            return Err(Error::WrongAccount {
                statement_type: StatementType::Owner,
                expected: account,
                actual: self.account,
            });
        }
        if !constant_time_eq(&self.session.0, &session.0) {
            return Err(Error::WrongSession);
        }
        Ok(())
    }
}

impl Statement for OwnerProof {
    const TYPE: StatementType = StatementType::Owner;

    fn account(&self) -> AccountId {
        self.account
    }

    fn check(&self) -> Result<(), BrokenRule> {
        Ok(())
    }
}

impl fmt::Display for OwnerSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

impl FromStr for OwnerSession {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        base64url::decode_array(text.as_bytes()).map(Self).ok_or(Error::OwnerSessionInvalid)
    }
}

impl Serialize for OwnerSession {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OwnerSession {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
