use core::fmt;
use core::ops::RangeInclusive;

use super::user_data::UserDataDefect;
use crate::cose;
use crate::encoding::cbor;

/// A rule of form that a document breaks (checks 1 to 3, and its user data).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormDefect {
    /// The document is not the CBOR asked for.
    Document(cbor::Error),
    /// The payload is not the CBOR asked for.
    Payload(cbor::Error),
    /// The document has more bytes than any genuine one.
    DocumentSize {
        /// Bytes it has.
        actual: usize,
        /// Bytes it may have.
        limit: usize,
    },
    /// A tag other than 18, COSE_Sign1.
    Tag(u64),
    /// The protected header is not exactly {1: -35}, ES384.
    ProtectedHeader,
    /// The unprotected header is not empty.
    UnprotectedHeader,
    /// A field has a length outside its limits.
    FieldSize {
        /// The field.
        field: &'static str,
        /// Its length: bytes of a string, items of an array or map.
        actual: usize,
        /// The smallest length it may have.
        minimum: usize,
        /// The largest length it may have; `usize::MAX` where it has no limit of its own.
        maximum: usize,
    },
    /// A mandatory field is missing.
    MissingField(&'static str),
    /// A field that is not known: the beginning of its name.
    UnknownField(String),
    /// A digest other than SHA384: the beginning of its name.
    Digest(String),
    /// A timestamp of zero.
    ZeroTimestamp,
    /// A PCR index that is not one of 0 to 31.
    PcrIndex,
    /// The document was made for another purpose, or not as that purpose demands (check 7).
    Purpose(UserDataDefect),
}

impl fmt::Display for FormDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => write!(f, "{error}"),
            Self::Payload(error) => write!(f, "payload: {error}"),
            Self::DocumentSize { actual, limit } => write!(f, "{actual} bytes, of at most {limit}"),
            Self::Tag(tag) => write!(f, "tag {tag} where only 18 may be"),
            Self::ProtectedHeader => f.write_str("the protected header is not exactly ES384"),
            Self::UnprotectedHeader => f.write_str("the unprotected header is not empty"),
            Self::FieldSize { field, actual, minimum, maximum } if minimum == maximum => {
                write!(f, "{field} has length {actual} instead of {maximum}")
            }
            Self::FieldSize { field, actual, minimum, maximum: usize::MAX } => {
                write!(f, "{field} has length {actual} instead of at least {minimum}")
            }
            Self::FieldSize { field, actual, minimum, maximum } => {
                write!(f, "{field} has length {actual}, outside {minimum} to {maximum}")
            }
            Self::MissingField(field) => write!(f, "{field} is missing"),
            Self::UnknownField(field) => write!(f, "{field:?} is not known"),
            Self::Digest(digest) => write!(f, "digest is {digest:?} instead of SHA384"),
            Self::ZeroTimestamp => f.write_str("timestamp is zero"),
            Self::PcrIndex => f.write_str("a PCR index is not one of 0 to 31"),
            Self::Purpose(defect) => write!(f, "{defect}"),
        }
    }
}

impl FormDefect {
    /// The stable name of this defect.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Document(error) | Self::Payload(error) => error.reason(),
            Self::DocumentSize { .. } => "size",
            Self::Tag(_) => "tag",
            Self::ProtectedHeader => "protected_header",
            Self::UnprotectedHeader => "unprotected_header",
            Self::FieldSize { .. } => "field_size",
            Self::MissingField(_) => "field_missing",
            Self::UnknownField(_) => "field_unknown",
            Self::Digest(_) => "digest",
            Self::ZeroTimestamp => "timestamp",
            Self::PcrIndex => "pcr_index",
            Self::Purpose(defect) => defect.reason(),
        }
    }

    /// The field at fault, if it is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::FieldSize { field, .. } | Self::MissingField(field) => Some(field),
            Self::UnknownField(field) => Some(field),
            Self::Purpose(defect) => defect.field(),
            _ => None,
        }
    }

    /// What is not the CBOR asked for, where it is that.
    pub(super) fn not_cbor(&self) -> Option<&'static str> {
        match self {
            Self::Document(_) => Some("document"),
            Self::Payload(_) => Some("payload"),
            Self::Purpose(UserDataDefect::Cbor(_)) => Some("user_data"),
            _ => None,
        }
    }

    /// What is wrong with a document's outer form, as its rules say it.
    pub(super) fn of_message(defect: cose::Defect, rules: &cose::Rules) -> Self {
        let size = |field, actual, allowed: &RangeInclusive<usize>| Self::FieldSize {
            field,
            actual,
            minimum: *allowed.start(),
            maximum: *allowed.end(),
        };
        match defect {
            cose::Defect::Cbor(error) => Self::Document(error),
            cose::Defect::PayloadSize(actual) => size("payload", actual, &rules.payload_bytes),
            cose::Defect::ProtectedHeader => Self::ProtectedHeader,
            cose::Defect::SignatureSize(actual) => {
                size("signature", actual, &(cose::SIGNATURE_BYTES..=cose::SIGNATURE_BYTES))
            }
            cose::Defect::Size(actual) => Self::DocumentSize { actual, limit: rules.max_bytes },
            cose::Defect::Tag(tag) => Self::Tag(tag),
            cose::Defect::UnprotectedHeader => Self::UnprotectedHeader,
        }
    }

    /// The same defect, its offset counted from the start of the payload.
    pub(super) fn in_payload(self) -> Self {
        match self {
            Self::Document(error) => Self::Payload(error),
            other => other,
        }
    }
}

impl From<cbor::Error> for FormDefect {
    fn from(error: cbor::Error) -> Self {
        Self::Document(error)
    }
}

/// The length of `field`, if it is one of `allowed`.
pub(super) fn check_length(
    field: &'static str,
    actual: usize,
    allowed: RangeInclusive<usize>,
) -> Result<(), FormDefect> {
    if allowed.contains(&actual) {
        return Ok(());
    }
    Err(FormDefect::FieldSize { field, actual, minimum: *allowed.start(), maximum: *allowed.end() })
}
