use core::fmt;
use core::ops::Deref;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::jws::Form;
use super::{Account, AccountId, Error, Jws};

/// What an account can sign: an object of JSON, in a JWS of its own type. By itself a statement is
/// only data; [`Signed`] is one that an account stands by.
pub trait Statement: Serialize + DeserializeOwned {
    /// The type in the header.
    const TYPE: StatementType;

    /// Who says it.
    fn account(&self) -> AccountId;

    /// Checks what the fields' types leave open; names the first rule that is broken.
    fn check(&self) -> Result<(), BrokenRule>;
}

/// A statement with the signature of the account that it names. The signature holds, every rule of
/// form is kept: no other value of this type can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    statement: T,
    jws: Jws,
}

impl<T: Statement> Signed<T> {
    /// Signs a statement.
    ///
    /// Fails when a field breaks a rule, when it is another account's, or when it is too long.
    pub fn sign(statement: T, account: &Account) -> Result<Self, Error> {
        statement.check().map_err(|broken| Error::SettingInvalid { statement_type: T::TYPE, broken })?;
        let payload = serde_json::to_vec(&statement).map_err(malformed::<T>)?;
        Ok(Self { jws: Jws::sign(account, T::TYPE, &payload)?, statement })
    }

    /// Reads a compact JWS.
    pub fn read(text: &str) -> Result<Self, Error> {
        let jws = Jws::verify(text, T::TYPE)?;
        let statement: T = serde_json::from_slice(jws.payload()).map_err(malformed::<T>)?;
        statement.check().map_err(|broken| Error::FieldInvalid { statement_type: T::TYPE, broken })?;
        Ok(Self { statement, jws })
    }

    /// The compact JWS.
    pub fn text(&self) -> &str {
        self.jws.text()
    }

    /// The octets that the JWS carries.
    pub fn payload(&self) -> &[u8] {
        self.jws.payload()
    }

    /// The statement, without its signature.
    pub fn into_inner(self) -> T {
        self.statement
    }
}

impl<T> Deref for Signed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.statement
    }
}

/// A field that may be absent, but not null.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn malformed<T: Statement>(error: serde_json::Error) -> Error {
    Error::Malformed { statement_type: T::TYPE, form: Form::of_payload(&error) }
}

/// The kinds of statements, by the `typ` of their header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatementType {
    /// `cape-epoch+jws`: the account's encryption keys have come to an epoch.
    Epoch,
    /// `cape-manifest+jws`: a function.
    Manifest,
    /// `cape-name+jws`: a name that the account wants to be known by.
    Name,
    /// `cape-owner+jws`: the account itself is at the other end of a session.
    Owner,
    /// `cape-request+jws`: a request to the control plane.
    Request,
    /// `cape-revocations+jws`: tokens and functions that count no more.
    Revocations,
    /// `cape-token+jwt`: whoever holds it may run a function.
    Token,
}

impl StatementType {
    /// Every type.
    pub const ALL: &'static [Self] = &[
        Self::Epoch,
        Self::Manifest,
        Self::Name,
        Self::Owner,
        Self::Request,
        Self::Revocations,
        Self::Token,
    ];

    /// The `typ` of the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Epoch => "cape-epoch+jws",
            Self::Manifest => "cape-manifest+jws",
            Self::Name => "cape-name+jws",
            Self::Owner => "cape-owner+jws",
            Self::Request => "cape-request+jws",
            Self::Revocations => "cape-revocations+jws",
            Self::Token => "cape-token+jwt",
        }
    }
}

impl fmt::Display for StatementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The version of a payload's form, its member `v`: always 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(2)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            2 => Ok(Self),
            other => Err(D::Error::custom(format_args!("version {other}, only 2 is known"))),
        }
    }
}

/// A field whose value breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    /// The field's name in the JSON.
    pub field: &'static str,
    /// What its value has to be.
    pub rule: &'static str,
}

impl BrokenRule {
    /// Breaks off unless `holds`.
    pub(super) fn unless(holds: bool, field: &'static str, rule: &'static str) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { field, rule }) }
    }
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has to be {}", self.field, self.rule)
    }
}
