use core::fmt;

use serde::Deserialize;

use super::{Account, AccountId, Error, StatementType, json};
use crate::encoding::base64url;
use crate::excerpt::printable;

/// The longest JWS that is read or signed, in characters: one has to fit into an OPEN frame with
/// what else belongs there.
pub const MAX_JWS_LENGTH: usize = 64 * 1024;

/// A statement whose signature held: a compact JWS (RFC 7515, section 7.1) with EdDSA (RFC 8037).
///
/// Its header is exactly `{"alg":"EdDSA","typ":"..."}`; its payload names the account whose key
/// signed it.
#[derive(Clone, PartialEq, Eq)]
pub struct Jws {
    text: String,
    account: AccountId,
    payload: Vec<u8>,
}

impl Jws {
    /// Signs a payload, which has to be JSON that names `account` (docs/spec/trust.md, encodings).
    pub fn sign(account: &Account, statement_type: StatementType, payload: &[u8]) -> Result<Self, Error> {
        let malformed = |form| Error::Malformed { statement_type, form };
        json::check(payload).map_err(|error| malformed(Form::of_payload(&error)))?;
        let named = named_account(payload, statement_type).map_err(malformed)?;
        if named != account.id() {
            return Err(Error::WrongAccount { statement_type, expected: account.id(), actual: named });
        }
        let mut text = header(statement_type);
        text.push('.');
        text.push_str(&base64url::encode(payload));
        let signature = account.sign(text.as_bytes());
        text.push('.');
        text.push_str(&base64url::encode(&signature));
        check_length(&text).map_err(malformed)?;
        Ok(Self { text, account: named, payload: payload.to_vec() })
    }

    /// Checks form and signature.
    ///
    /// The key is the one that the payload's member `account` (a token's `iss`) stands for. That
    /// member is all that is looked at before the signature held, and it decides nothing but whose
    /// signature it has to be.
    pub fn verify(text: &str, statement_type: StatementType) -> Result<Self, Error> {
        let malformed = |form| Error::Malformed { statement_type, form };
        check_length(text).map_err(malformed)?;
        let (signed, signature) = text.rsplit_once('.').ok_or(malformed(Form::Parts))?;
        let (header, payload) = signed.split_once('.').ok_or(malformed(Form::Parts))?;
        check_header(header, statement_type)?;
        let signature = base64url::decode_array::<64>(signature.as_bytes());
        let signature = signature.ok_or(malformed(Form::Base64 { part: "signature" }))?;
        let payload = base64url::decode(payload.as_bytes());
        let payload = payload.ok_or(malformed(Form::Base64 { part: "payload" }))?;
        let account = named_account(&payload, statement_type).map_err(malformed)?;
        if !account.has_signed(signed.as_bytes(), &signature) {
            return Err(Error::SignatureInvalid { statement_type, account });
        }
        json::check(&payload).map_err(|error| malformed(Form::of_payload(&error)))?;
        Ok(Self { text: text.to_owned(), account, payload })
    }

    /// The compact JWS.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Who signed it.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The octets that were signed: an object of JSON without duplicate keys.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// Shows who signed, not the text: a token is good for whoever reads it.
impl fmt::Debug for Jws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws").field("account", &self.account).finish_non_exhaustive()
    }
}

/// The type that a JWS says it is of, by its header; nothing else of it is looked at.
pub(super) fn claimed_type(text: &str) -> Option<StatementType> {
    let (claimed, _) = text.split_once('.')?;
    StatementType::ALL.iter().copied().find(|statement_type| header(*statement_type) == claimed)
}

fn header(statement_type: StatementType) -> String {
    base64url::encode(format!(r#"{{"alg":"EdDSA","typ":"{statement_type}"}}"#).as_bytes())
}

fn check_length(text: &str) -> Result<(), Form> {
    if text.len() > MAX_JWS_LENGTH {
        return Err(Form::TooLong { length: text.len() });
    }
    Ok(())
}

fn check_header(found: &str, expected: StatementType) -> Result<(), Error> {
    if found == header(expected) {
        return Ok(());
    }
    Err(match claimed_type(&format!("{found}.")) {
        Some(actual) => Error::WrongType { expected, actual },
        None => Error::Malformed { statement_type: expected, form: Form::Header },
    })
}

fn named_account(payload: &[u8], statement_type: StatementType) -> Result<AccountId, Form> {
    #[derive(Deserialize)]
    struct Named {
        account: AccountId,
    }
    #[derive(Deserialize)]
    struct Issued {
        iss: AccountId,
    }
    let named = match statement_type {
        StatementType::Token => serde_json::from_slice(payload).map(|issued: Issued| issued.iss),
        _ => serde_json::from_slice(payload).map(|named: Named| named.account),
    };
    named.map_err(|error| Form::of_payload(&error))
}

/// How a JWS breaks the form of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// More characters than [`MAX_JWS_LENGTH`].
    TooLong {
        /// Characters there were.
        length: usize,
    },
    /// Not three parts with a dot between each two.
    Parts,
    /// Another header than the one for this type, to the byte.
    Header,
    /// A part is not canonical base64url without padding, or the signature not 64 bytes.
    Base64 {
        /// `payload` or `signature`.
        part: &'static str,
    },
    /// The payload is not JSON of the permitted kind, or not of the fields that it must have.
    Payload(String),
}

impl Form {
    pub(super) fn of_payload(error: &impl fmt::Display) -> Self {
        Self::Payload(printable(&error.to_string()))
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length } => {
                write!(f, "it has {length} characters, at most {MAX_JWS_LENGTH} are read")
            }
            Self::Parts => f.write_str("it has not three parts"),
            Self::Header => f.write_str("its header is another one"),
            Self::Base64 { part } => write!(f, "its {part} is not canonical base64url of the right length"),
            Self::Payload(reason) => write!(f, "its payload is refused: {reason}"),
        }
    }
}
