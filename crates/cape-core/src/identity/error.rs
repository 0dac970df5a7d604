use core::fmt;

use super::jws::Form;
use super::statement::{BrokenRule, StatementType};
use super::{AccountId, Checksum};
use crate::ErrorCode;

/// Why a statement, an account or a right was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text is no account id.
    AccountIdInvalid,
    /// The text or the bytes are no account's private key.
    AccountKeyInvalid,
    /// The text is no checksum.
    ChecksumInvalid,
    /// A field of a statement that was read breaks a rule.
    FieldInvalid {
        /// What was read.
        statement_type: StatementType,
        /// Which rule.
        broken: BrokenRule,
    },
    /// A statement is not of the form that all have.
    Malformed {
        /// What was read.
        statement_type: StatementType,
        /// What is wrong with it.
        form: Form,
    },
    /// A field of a statement that was to be signed breaks a rule.
    SettingInvalid {
        /// What was to be signed.
        statement_type: StatementType,
        /// Which rule.
        broken: BrokenRule,
    },
    /// A statement was not signed by the account that it names.
    SignatureInvalid {
        /// What was read.
        statement_type: StatementType,
        /// Who should have signed it.
        account: AccountId,
    },
    /// A manifest is older than one seen before under the same name.
    VersionLower {
        /// The version seen before.
        known: u64,
        /// The version found now.
        found: u64,
    },
    /// A manifest has the version of another one under the same name.
    VersionReused {
        /// The version of both.
        version: u64,
        /// The checksum seen before.
        known: Checksum,
        /// The checksum found now.
        found: Checksum,
    },
    /// A statement is of another account than it has to be.
    WrongAccount {
        /// What it is.
        statement_type: StatementType,
        /// Whose it has to be.
        expected: AccountId,
        /// Whose it is.
        actual: AccountId,
    },
    /// A statement is of another type.
    WrongType {
        /// What was expected.
        expected: StatementType,
        /// What it is.
        actual: StatementType,
    },
}

impl Error {
    /// The class of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::AccountIdInvalid | Self::AccountKeyInvalid => ErrorCode::KeyInvalid,
            Self::ChecksumInvalid => ErrorCode::ProtocolError,
            Self::FieldInvalid { statement_type, .. }
            | Self::Malformed { statement_type, .. }
            | Self::WrongType { expected: statement_type, .. } => {
                of_statement(*statement_type, ErrorCode::ProtocolError)
            }
            Self::SettingInvalid { .. } => ErrorCode::ConfigError,
            Self::SignatureInvalid { statement_type, .. } | Self::WrongAccount { statement_type, .. } => {
                of_statement(*statement_type, ErrorCode::PermissionDenied)
            }
            Self::VersionLower { .. } | Self::VersionReused { .. } => ErrorCode::ChecksumMismatch,
        }
    }
}

/// Whatever is wrong with a token itself, `TokenInvalid` is what its holder has to know.
fn of_statement(statement_type: StatementType, otherwise: ErrorCode) -> ErrorCode {
    if statement_type == StatementType::Token { ErrorCode::TokenInvalid } else { otherwise }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountIdInvalid => {
                f.write_str("not an account id: 63 lower-case characters that begin with cape1")
            }
            Self::AccountKeyInvalid => {
                f.write_str("not an account's private key: a text that begins with capeaccountsk1")
            }
            Self::ChecksumInvalid => f.write_str("not a checksum: 64 lower-case hexadecimal digits"),
            Self::FieldInvalid { statement_type, broken } => write!(f, "{statement_type} refused: {broken}"),
            Self::Malformed { statement_type, form } => write!(f, "{statement_type} refused: {form}"),
            Self::SettingInvalid { statement_type, broken } => {
                write!(f, "{statement_type} not signed: {broken}")
            }
            Self::SignatureInvalid { statement_type, account } => {
                write!(f, "{statement_type} refused: it is not signed by {account}")
            }
            Self::VersionLower { known, found } => {
                write!(f, "version {found} of the function, version {known} was seen before")
            }
            Self::VersionReused { version, known, found } => {
                write!(f, "version {version} of the function is {found}, it was {known} before")
            }
            Self::WrongAccount { statement_type, expected, actual } => {
                write!(f, "{statement_type} refused: it is of {actual}, not of {expected}")
            }
            Self::WrongType { expected, actual } => write!(f, "{expected} expected, it is a {actual}"),
        }
    }
}

impl core::error::Error for Error {}
