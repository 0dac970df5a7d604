//! What our own enclaves say about themselves in a document's `user_data`: deterministic CBOR with a
//! `use`, so that a document made for one purpose never passes for another
//! (`docs/spec/attestation.md`, user data).

use core::fmt;

use super::payload::Payload;
use crate::encoding::cbor::{self, Form, Key, Reader, Writer};
use crate::excerpt::excerpt;

const VERSION: u64 = 2;
const SESSION: &str = "session";
const VAULT_BIRTH: &str = "vault-birth";

/// What a document says that an enclave shows to its clients (`docs/spec/session.md`, binding).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionData {
    /// The vault id: whose secret the enclave holds.
    pub vault: [u8; 32],
    /// SHA-256 of the runtime's description.
    pub runtime: [u8; 32],
    /// SHA-256 of the key that signs receipts, as SPKI in DER.
    pub receipts: [u8; 32],
}

/// What the document says that a new vault is born with (`docs/spec/trust.md`, vault).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultBirth {
    /// What keeps the secret: the ARN of a KMS key, or `file`.
    pub key: String,
    /// The vault id.
    pub vault: [u8; 32],
}

impl SessionData {
    /// The bytes for `user_data`.
    pub fn to_user_data(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.map(5).text("v").uint(VERSION).text("use").text(SESSION);
        writer.text("vault").bytes(&self.vault);
        writer.text("runtime").bytes(&self.runtime);
        writer.text("receipts").bytes(&self.receipts);
        writer.into_bytes()
    }
}

impl VaultBirth {
    /// The bytes for `user_data`.
    pub fn to_user_data(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.map(4).text("v").uint(VERSION).text("key").text(&self.key);
        writer.text("use").text(VAULT_BIRTH).text("vault").bytes(&self.vault);
        writer.into_bytes()
    }
}

/// The user data of one of our own documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UserData {
    Session(SessionData),
    VaultBirth(VaultBirth),
}

impl UserData {
    /// Reads what a document says about itself, if the rest of it is as its `use` demands: neither
    /// has a public key, and a birth has no nonce.
    pub(super) fn of(payload: &Payload<'_>) -> Result<Self, UserDataDefect> {
        let data = Self::parse(payload.user_data.ok_or(UserDataDefect::Missing)?)?;
        if payload.public_key.is_some() {
            return Err(UserDataDefect::PublicKeyOutOfPlace);
        }
        if matches!(data, Self::VaultBirth(_)) && payload.nonce.is_some() {
            return Err(UserDataDefect::NonceOutOfPlace);
        }
        Ok(data)
    }

    pub(super) fn vault(&self) -> [u8; 32] {
        match self {
            Self::Session(SessionData { vault, .. }) | Self::VaultBirth(VaultBirth { vault, .. }) => *vault,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Session(_) => SESSION,
            Self::VaultBirth(_) => VAULT_BIRTH,
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, UserDataDefect> {
        let fields = Fields::read(bytes)?;
        let version = required("v", fields.version)?;
        if version != VERSION {
            return Err(UserDataDefect::Version(version));
        }
        let vault = required("vault", fields.vault)?;
        match required("use", fields.purpose)? {
            SESSION => {
                out_of_place("key", fields.key)?;
                let runtime = required("runtime", fields.runtime)?;
                let receipts = required("receipts", fields.receipts)?;
                Ok(Self::Session(SessionData { vault, runtime, receipts }))
            }
            VAULT_BIRTH => {
                out_of_place("runtime", fields.runtime)?;
                out_of_place("receipts", fields.receipts)?;
                let key = required("key", fields.key)?.to_owned();
                Ok(Self::VaultBirth(VaultBirth { key, vault }))
            }
            other => Err(UserDataDefect::UnknownUse(excerpt(other))),
        }
    }
}

/// Every field that any use has.
#[derive(Default)]
struct Fields<'a> {
    version: Option<u64>,
    purpose: Option<&'a str>,
    key: Option<&'a str>,
    vault: Option<[u8; 32]>,
    runtime: Option<[u8; 32]>,
    receipts: Option<[u8; 32]>,
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, UserDataDefect> {
        let mut fields = Self::default();
        let mut reader = Reader::new(bytes, Form::Deterministic);
        let mut map = reader.map()?;
        while let Some(key) = map.next_key(&mut reader)? {
            match key {
                Key::Text("v") => fields.version = Some(reader.uint()?),
                Key::Text("use") => fields.purpose = Some(reader.text()?),
                Key::Text("key") => fields.key = Some(reader.text()?),
                Key::Text("vault") => fields.vault = Some(reader.byte_array()?),
                Key::Text("runtime") => fields.runtime = Some(reader.byte_array()?),
                Key::Text("receipts") => fields.receipts = Some(reader.byte_array()?),
                Key::Text(other) => return Err(UserDataDefect::UnknownField(excerpt(other))),
                Key::Uint(_) | Key::Negative(_) => {
                    return Err(UserDataDefect::UnknownField("a number".to_owned()));
                }
            }
        }
        reader.finish()?;
        Ok(fields)
    }
}

fn required<T>(field: &'static str, value: Option<T>) -> Result<T, UserDataDefect> {
    value.ok_or(UserDataDefect::MissingField(field))
}

fn out_of_place<T>(field: &str, value: Option<T>) -> Result<(), UserDataDefect> {
    match value {
        Some(_) => Err(UserDataDefect::UnknownField(field.to_owned())),
        None => Ok(()),
    }
}

/// How a document is not the one of ours that the purpose needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserDataDefect {
    /// There is no user data.
    Missing,
    /// The user data is not the CBOR asked for.
    Cbor(cbor::Error),
    /// Another version than 2.
    Version(u64),
    /// A use that is not known.
    UnknownUse(String),
    /// A document made for another use.
    WrongUse {
        /// The use that was asked for.
        expected: &'static str,
        /// The use that the document names.
        actual: &'static str,
    },
    /// A field that this use demands.
    MissingField(&'static str),
    /// A field that this use does not have.
    UnknownField(String),
    /// A public key, which belongs to documents for others.
    PublicKeyOutOfPlace,
    /// A nonce in a document that answers no question.
    NonceOutOfPlace,
}

impl UserDataDefect {
    /// The stable name of this defect.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "user_data_missing",
            Self::Cbor(error) => error.reason(),
            Self::Version(_) => "user_data_version",
            Self::UnknownUse(_) => "use_unknown",
            Self::WrongUse { .. } => "use",
            Self::MissingField(_) => "user_data_field_missing",
            Self::UnknownField(_) => "user_data_field_unknown",
            Self::PublicKeyOutOfPlace => "public_key_out_of_place",
            Self::NonceOutOfPlace => "nonce_out_of_place",
        }
    }

    /// The field at fault, if it is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::MissingField(field) => Some(field),
            Self::UnknownField(field) => Some(field),
            _ => None,
        }
    }
}

impl fmt::Display for UserDataDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it has no user data, so it says nothing of its purpose"),
            Self::Cbor(error) => write!(f, "user data: {error}"),
            Self::Version(version) => write!(f, "user data of version {version} instead of {VERSION}"),
            Self::UnknownUse(name) => write!(f, "made for the unknown use {name:?}"),
            Self::WrongUse { expected, actual } => write!(f, "made for the use {actual:?}, not {expected:?}"),
            Self::MissingField(field) => write!(f, "user data without {field}"),
            Self::UnknownField(field) => write!(f, "user data with {field:?}, which is not known"),
            Self::PublicKeyOutOfPlace => f.write_str("it has a public key where none belongs"),
            Self::NonceOutOfPlace => f.write_str("it has a nonce where none belongs"),
        }
    }
}

impl From<cbor::Error> for UserDataDefect {
    fn from(error: cbor::Error) -> Self {
        Self::Cbor(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionData {
        SessionData { vault: [1; 32], runtime: [2; 32], receipts: [3; 32] }
    }

    fn birth() -> VaultBirth {
        VaultBirth { key: "file".into(), vault: [1; 32] }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(UserData::parse(&session().to_user_data()), Ok(UserData::Session(session())));
        assert_eq!(UserData::parse(&birth().to_user_data()), Ok(UserData::VaultBirth(birth())));
        assert!(session().to_user_data().len() <= 512);
    }

    #[test]
    fn each_use_has_its_own_fields() {
        let write = |build: fn(&mut Writer)| {
            let mut writer = Writer::new();
            build(&mut writer);
            UserData::parse(&writer.into_bytes())
        };
        let bytes = &[1; 32];
        assert_eq!(
            write(
                |w| _ = w.map(3).text("v").uint(3).text("use").text("session").text("vault").bytes(&[1; 32])
            ),
            Err(UserDataDefect::Version(3))
        );
        assert_eq!(
            write(|w| _ = w.map(3).text("v").uint(2).text("use").text("kms").text("vault").bytes(&[1; 32])),
            Err(UserDataDefect::UnknownUse("kms".into()))
        );
        assert_eq!(
            write(|w| _ = w.map(1).text("use").text("session")),
            Err(UserDataDefect::MissingField("v"))
        );
        assert_eq!(
            write(|w| _ = w.map(2).text("v").uint(2).text("use").text("session")),
            Err(UserDataDefect::MissingField("vault"))
        );
        assert_eq!(
            write(|w| _ = w.map(2).text("v").uint(2).text("w").uint(1)),
            Err(UserDataDefect::UnknownField("w".into()))
        );
        let mut writer = Writer::new();
        writer.map(6).text("v").uint(2).text("key").text("file").text("use").text("session");
        writer.text("vault").bytes(bytes).text("runtime").bytes(bytes).text("receipts").bytes(bytes);
        assert_eq!(UserData::parse(&writer.into_bytes()), Err(UserDataDefect::UnknownField("key".into())));
        let mut writer = Writer::new();
        writer.map(3).text("v").uint(2).text("vault").bytes(bytes).text("use").text("session");
        assert!(matches!(UserData::parse(&writer.into_bytes()), Err(UserDataDefect::Cbor(_))));
    }
}
