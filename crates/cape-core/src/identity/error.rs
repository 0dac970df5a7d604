use core::fmt;

use super::jws::Form;
use super::statement::{BrokenRule, StatementType};
use super::{AccountId, Checksum};
use crate::{ErrorCode, UnixTime};

/// Why a statement, an account or a right was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text is no account id.
    AccountIdInvalid,
    /// The text or the bytes are no account's private key.
    AccountKeyInvalid,
    /// The text is no checksum.
    ChecksumInvalid,
    /// A call brings both a token and an owner proof.
    CredentialsAmbiguous,
    /// A call brings neither a token nor an owner proof.
    CredentialsMissing,
    /// A field of a statement that was read breaks a rule.
    FieldInvalid {
        /// What was read.
        statement_type: StatementType,
        /// Which rule.
        broken: BrokenRule,
    },
    /// The text is no function id.
    FunctionIdInvalid,
    /// The function is on its account's revocation list.
    FunctionRevoked {
        /// The function.
        checksum: Checksum,
        /// The number of the list.
        number: u64,
    },
    /// A statement is not of the form that all have.
    Malformed {
        /// What was read.
        statement_type: StatementType,
        /// What is wrong with it.
        form: Form,
    },
    /// The text is no session of an owner proof.
    OwnerSessionInvalid,
    /// A call brings two records of one type.
    RecordRepeated,
    /// A call brings a statement that is neither an epoch record nor a revocation list.
    RecordUnknown,
    /// A signed request is for another method or path than the one that it came with.
    RequestDiffers {
        /// The method it is for.
        method: String,
        /// The path it is for.
        path: String,
    },
    /// A signed request was not made just now.
    RequestNotFresh {
        /// When it was made.
        issued_at: UnixTime,
        /// The time judged by.
        now: UnixTime,
    },
    /// The function runs only with its account's revocation list, and the call brings none.
    RevocationsMissing {
        /// How old the list may be, in seconds.
        max_age_s: u32,
    },
    /// The revocation list is older than the function's manifest allows, or of the future.
    RevocationsNotFresh {
        /// When it was made.
        issued_at: UnixTime,
        /// The time judged by.
        now: UnixTime,
        /// How old it may be, in seconds.
        max_age_s: u32,
    },
    /// A newer revocation list of the account was seen before.
    RevocationsNumberLower {
        /// The number of this list.
        number: u64,
        /// The highest number seen.
        seen: u64,
    },
    /// What is stored does not open, or is not what its place says.
    SealBroken,
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
    /// The token's time is over.
    TokenExpired {
        /// When it ended.
        expired: UnixTime,
        /// The time judged by.
        now: UnixTime,
    },
    /// The token's time has not come.
    TokenFromFuture {
        /// When it was made.
        issued_at: UnixTime,
        /// The time judged by.
        now: UnixTime,
    },
    /// The token is on its account's revocation list.
    TokenRevoked {
        /// The token.
        jti: String,
        /// The number of the list.
        number: u64,
    },
    /// The token is for another function.
    TokenWrongFunction {
        /// The function that was called.
        expected: Checksum,
        /// The function it is for.
        actual: Checksum,
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
    /// An owner proof was made for another session.
    WrongSession,
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
            Self::ChecksumInvalid
            | Self::CredentialsAmbiguous
            | Self::FunctionIdInvalid
            | Self::OwnerSessionInvalid
            | Self::RecordRepeated
            | Self::RecordUnknown => ErrorCode::ProtocolError,
            Self::CredentialsMissing
            | Self::FunctionRevoked { .. }
            | Self::RequestDiffers { .. }
            | Self::RequestNotFresh { .. }
            | Self::RevocationsMissing { .. }
            | Self::RevocationsNotFresh { .. }
            | Self::RevocationsNumberLower { .. }
            | Self::WrongSession => ErrorCode::PermissionDenied,
            Self::SealBroken => ErrorCode::FunctionCorrupted,
            Self::TokenExpired { .. } => ErrorCode::TokenExpired,
            Self::TokenFromFuture { .. } => ErrorCode::TokenInvalid,
            Self::TokenRevoked { .. } => ErrorCode::TokenRevoked,
            Self::TokenWrongFunction { .. } => ErrorCode::TokenWrongFunction,
            Self::FieldInvalid { statement_type, .. }
            | Self::Malformed { statement_type, .. }
            | Self::WrongType { expected: statement_type, .. } => {
                of_statement(*statement_type, ErrorCode::ProtocolError)
            }
            Self::SettingInvalid { .. } => ErrorCode::ConfigError,
            Self::SignatureInvalid { statement_type, .. } | Self::WrongAccount { statement_type, .. } => {
                of_statement(*statement_type, ErrorCode::PermissionDenied)
            }
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
            Self::CredentialsAmbiguous => f.write_str("a call brings a token or an owner proof, not both"),
            Self::CredentialsMissing => f.write_str("a call needs a token or an owner proof"),
            Self::FieldInvalid { statement_type, broken } => write!(f, "{statement_type} refused: {broken}"),
            Self::FunctionIdInvalid => f.write_str("not a function id: Base58 of 20 bytes"),
            Self::FunctionRevoked { checksum, number } => {
                write!(f, "function {checksum} was revoked by list {number} of its account")
            }
            Self::Malformed { statement_type, form } => write!(f, "{statement_type} refused: {form}"),
            Self::OwnerSessionInvalid => f.write_str("not an owner session: 32 bytes in base64url"),
            Self::RecordRepeated => f.write_str("a call brings two records of one type"),
            Self::RecordUnknown => f.write_str("a record is an epoch record or a revocation list"),
            Self::RequestDiffers { method, path } => write!(f, "the signature is for {method} {path}"),
            Self::RequestNotFresh { issued_at, now } => {
                write!(f, "the request was signed at {issued_at}, and it is {now}")
            }
            Self::RevocationsMissing { max_age_s } => write!(
                f,
                "the function runs only with a revocation list of its account, at most {max_age_s} s old"
            ),
            Self::RevocationsNotFresh { issued_at, now, max_age_s } => write!(
                f,
                "the revocation list was made at {issued_at}, it is {now}, and it may be {max_age_s} s old"
            ),
            Self::RevocationsNumberLower { number, seen } => {
                write!(f, "revocation list {number}, and list {seen} was seen before")
            }
            Self::SealBroken => f.write_str("what is stored was altered, or is not what its place says"),
            Self::SettingInvalid { statement_type, broken } => {
                write!(f, "{statement_type} not signed: {broken}")
            }
            Self::SignatureInvalid { statement_type, account } => {
                write!(f, "{statement_type} refused: it is not signed by {account}")
            }
            Self::TokenExpired { expired, now } => {
                write!(f, "the token expired at {expired}, and it is {now}")
            }
            Self::TokenFromFuture { issued_at, now } => {
                write!(f, "the token counts from {issued_at}, and it is {now}")
            }
            Self::TokenRevoked { jti, number } => {
                write!(f, "token {jti} was revoked by list {number} of its account")
            }
            Self::TokenWrongFunction { expected, actual } => {
                write!(f, "the token is for function {actual}, not for {expected}")
            }
            Self::WrongAccount { statement_type, expected, actual } => {
                write!(f, "{statement_type} refused: it is of {actual}, not of {expected}")
            }
            Self::WrongSession => f.write_str("the owner proof was made for another session"),
            Self::WrongType { expected, actual } => write!(f, "{expected} expected, it is a {actual}"),
        }
    }
}

impl core::error::Error for Error {}
