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

/// What one of our own documents was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Session,
    VaultBirth,
}

impl UserData {
    /// Reads what a document says about itself, and then whether the rest of it is as its `use`
    /// demands: neither has a public key, and a birth has no nonce. `expected` is the use asked for;
    /// without one, any is.
    pub(super) fn of(payload: &Payload<'_>, expected: Option<Use>) -> Result<Self, UserDataDefect> {
        let bytes = payload.user_data.ok_or(UserDataDefect::Missing)?;
        let made_for = Use::of(bytes)?;
        if let Some(expected) = expected.filter(|expected| *expected != made_for) {
            return Err(UserDataDefect::WrongUse { expected: expected.name(), actual: made_for.name() });
        }
        let data = Self::read(made_for, bytes)?;
        if payload.public_key.is_some() {
            return Err(UserDataDefect::PublicKeyOutOfPlace);
        }
        if made_for == Use::VaultBirth && payload.nonce.is_some() {
            return Err(UserDataDefect::NonceOutOfPlace);
        }
        Ok(data)
    }

    pub(super) fn vault(&self) -> [u8; 32] {
        match self {
            Self::Session(SessionData { vault, .. }) | Self::VaultBirth(VaultBirth { vault, .. }) => *vault,
        }
    }

    /// The fields of that use, and no others.
    fn read(made_for: Use, bytes: &[u8]) -> Result<Self, UserDataDefect> {
        Ok(match made_for {
            Use::Session => Self::Session(SessionData::read(bytes)?),
            Use::VaultBirth => Self::VaultBirth(VaultBirth::read(bytes)?),
        })
    }
}

impl Use {
    fn name(self) -> &'static str {
        match self {
            Self::Session => SESSION,
            Self::VaultBirth => VAULT_BIRTH,
        }
    }

    /// The use that user data of our version names, whatever else is in it.
    fn of(bytes: &[u8]) -> Result<Self, UserDataDefect> {
        let (mut version, mut name) = (None, None);
        let mut reader = Reader::new(bytes, Form::Deterministic);
        let mut map = reader.map()?;
        while let Some(key) = map.next_key(&mut reader)? {
            match key {
                // Before `use`, by the order of keys: another version may have another form.
                Key::Text("v") => version = Some(read_version(&mut reader)?),
                Key::Text("use") => name = Some(reader.text()?),
                _ => reader.skip()?,
            }
        }
        reader.finish()?;
        required("v", version)?;
        match required("use", name)? {
            SESSION => Ok(Self::Session),
            VAULT_BIRTH => Ok(Self::VaultBirth),
            other => Err(UserDataDefect::UnknownUse(excerpt(other))),
        }
    }
}

impl SessionData {
    fn read(bytes: &[u8]) -> Result<Self, UserDataDefect> {
        let (mut vault, mut runtime, mut receipts) = (None, None, None);
        read_fields(bytes, |name, reader| {
            match name {
                "vault" => vault = Some(reader.byte_array()?),
                "runtime" => runtime = Some(reader.byte_array()?),
                "receipts" => receipts = Some(reader.byte_array()?),
                other => return Err(UserDataDefect::UnknownField(excerpt(other))),
            }
            Ok(())
        })?;
        Ok(Self {
            vault: required("vault", vault)?,
            runtime: required("runtime", runtime)?,
            receipts: required("receipts", receipts)?,
        })
    }
}

impl VaultBirth {
    fn read(bytes: &[u8]) -> Result<Self, UserDataDefect> {
        let (mut key, mut vault) = (None, None);
        read_fields(bytes, |name, reader| {
            match name {
                "key" => key = Some(reader.text()?.to_owned()),
                "vault" => vault = Some(reader.byte_array()?),
                other => return Err(UserDataDefect::UnknownField(excerpt(other))),
            }
            Ok(())
        })?;
        Ok(Self { vault: required("vault", vault)?, key: required("key", key)? })
    }
}

/// Gives `read` each field besides `v` and `use`, with the reader before its value.
fn read_fields<'a>(
    bytes: &'a [u8],
    mut read: impl FnMut(&'a str, &mut Reader<'a>) -> Result<(), UserDataDefect>,
) -> Result<(), UserDataDefect> {
    let mut reader = Reader::new(bytes, Form::Deterministic);
    let mut map = reader.map()?;
    while let Some(key) = map.next_key(&mut reader)? {
        match key {
            Key::Text("v" | "use") => reader.skip()?,
            Key::Text(name) => read(name, &mut reader)?,
            Key::Uint(_) | Key::Negative(_) => {
                return Err(UserDataDefect::UnknownField("a number".to_owned()));
            }
        }
    }
    Ok(())
}

fn read_version(reader: &mut Reader<'_>) -> Result<(), UserDataDefect> {
    match reader.uint()? {
        VERSION => Ok(()),
        other => Err(UserDataDefect::Version(other)),
    }
}

fn required<T>(field: &'static str, value: Option<T>) -> Result<T, UserDataDefect> {
    value.ok_or(UserDataDefect::MissingField(field))
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

    fn parse(bytes: &[u8]) -> Result<UserData, UserDataDefect> {
        UserData::read(Use::of(bytes)?, bytes)
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(parse(&session().to_user_data()), Ok(UserData::Session(session())));
        assert_eq!(parse(&birth().to_user_data()), Ok(UserData::VaultBirth(birth())));
        assert!(session().to_user_data().len() <= 512);
    }

    #[test]
    fn the_version_is_judged_first_then_the_use_then_the_fields() {
        let defect = |build: fn(&mut Writer)| {
            let mut writer = Writer::new();
            build(&mut writer);
            parse(&writer.into_bytes()).unwrap_err()
        };
        let version = UserDataDefect::Version;
        assert_eq!(defect(|w| _ = w.map(2).text("v").uint(3).text("use").text("session")), version(3));
        assert_eq!(defect(|w| _ = w.map(2).text("v").uint(3).text("new").uint(1)), version(3));
        assert_eq!(defect(|w| _ = w.map(2).text("v").uint(3).text("use").uint(1)), version(3));
        let unknown = UserDataDefect::UnknownUse("kms".into());
        assert_eq!(defect(|w| _ = w.map(2).text("v").uint(2).text("use").text("kms")), unknown);
        assert_eq!(
            defect(|w| _ = w.map(3).text("v").uint(2).text("new").uint(1).text("use").text("kms")),
            unknown
        );
        assert_eq!(defect(|w| _ = w.map(1).text("use").text("session")), UserDataDefect::MissingField("v"));
        assert_eq!(
            defect(|w| _ = w.map(2).text("v").uint(2).text("w").uint(1)),
            UserDataDefect::MissingField("use")
        );
        assert_eq!(
            defect(|w| _ = w.map(2).text("v").uint(2).text("use").text("session")),
            UserDataDefect::MissingField("vault")
        );
        for key in ["w", "key"] {
            let mut writer = Writer::new();
            writer.map(3).text("v").uint(2).text(key).uint(1).text("use").text("session");
            assert_eq!(parse(&writer.into_bytes()), Err(UserDataDefect::UnknownField(key.into())));
        }
        let numbered = defect(|w| _ = w.map(3).uint(1).uint(1).text("v").uint(2).text("use").text("session"));
        assert_eq!(numbered, UserDataDefect::UnknownField("a number".into()));
        let deep = defect(|w| _ = w.map(2).text("v").uint(2).text("new").raw(&[0x81, 0x81, 0x81, 0x81, 0]));
        assert!(matches!(deep, UserDataDefect::Cbor(cbor::Error::TooDeep { .. })), "{deep}");
    }

    #[test]
    fn each_use_has_its_own_fields() {
        let bytes = &[1; 32];
        let mut writer = Writer::new();
        writer.map(6).text("v").uint(2).text("key").text("file").text("use").text("session");
        writer.text("vault").bytes(bytes).text("runtime").bytes(bytes).text("receipts").bytes(bytes);
        assert_eq!(parse(&writer.into_bytes()), Err(UserDataDefect::UnknownField("key".into())));
        let mut writer = Writer::new();
        writer.map(5).text("v").uint(2).text("key").text("file").text("use").text("vault-birth");
        writer.text("vault").bytes(bytes).text("runtime").bytes(bytes);
        assert_eq!(parse(&writer.into_bytes()), Err(UserDataDefect::UnknownField("runtime".into())));
        let mut writer = Writer::new();
        writer.map(3).text("v").uint(2).text("vault").bytes(bytes).text("use").text("session");
        assert!(matches!(parse(&writer.into_bytes()), Err(UserDataDefect::Cbor(_))));
    }
}
