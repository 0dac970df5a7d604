use core::fmt;

use crate::cose;
use crate::encoding::cbor;
use crate::session::ContentError;

/// A rule of form that a receipt, or the file that holds one, breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormDefect {
    /// The receipt is not the CBOR asked for.
    Message(cbor::Error),
    /// The payload is not the CBOR asked for.
    Payload(cbor::Error),
    /// The file is not the CBOR asked for.
    File(cbor::Error),
    /// The file lacks a key.
    FileKeyMissing {
        /// The key.
        key: u64,
    },
    /// The file has a key that is not known.
    FileKeyUnknown {
        /// The key.
        key: String,
    },
    /// A file of a version other than 2.
    FileVersion(u64),
    /// The salts are none.
    Salts(ContentError),
    /// A file or a receipt with more bytes than any genuine one.
    Size {
        /// Bytes it has.
        actual: usize,
        /// Bytes it may have.
        limit: usize,
    },
    /// A payload without bytes, or with more than any genuine one.
    PayloadSize(usize),
    /// A signature that is not of 96 bytes.
    SignatureSize(usize),
    /// A tag; receipts have none.
    Tag(u64),
    /// The protected header is not exactly {1: -35}, ES384.
    ProtectedHeader,
    /// The unprotected header is not empty.
    UnprotectedHeader,
    /// A version other than 2.
    Version(u64),
    /// A field is missing.
    FieldMissing {
        /// Its key.
        field: u64,
    },
    /// A field of another type or length.
    FieldType {
        /// Its key.
        field: u64,
    },
    /// A field whose value cannot be.
    FieldRange {
        /// Its key.
        field: u64,
    },
    /// A field that is not known.
    FieldUnknown {
        /// Its key.
        field: String,
    },
    /// An output of a call that failed, or none of one that succeeded.
    OutputAndOutcome,
}

impl FormDefect {
    pub(super) fn of_message(defect: cose::Defect, rules: &cose::Rules) -> Self {
        match defect {
            cose::Defect::Cbor(error) => Self::Message(error),
            cose::Defect::PayloadSize(actual) => Self::PayloadSize(actual),
            cose::Defect::ProtectedHeader => Self::ProtectedHeader,
            cose::Defect::SignatureSize(actual) => Self::SignatureSize(actual),
            cose::Defect::Size(actual) => Self::Size { actual, limit: rules.max_bytes },
            cose::Defect::Tag(tag) => Self::Tag(tag),
            cose::Defect::UnprotectedHeader => Self::UnprotectedHeader,
        }
    }

    /// The stable name of this defect.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Message(_) => "cbor",
            Self::Payload(_) => "payload_cbor",
            Self::File(_)
            | Self::FileKeyMissing { .. }
            | Self::FileKeyUnknown { .. }
            | Self::FileVersion(_) => "file",
            Self::Salts(_) => "salts",
            Self::Size { .. } => "size",
            Self::PayloadSize(_) => "payload_size",
            Self::SignatureSize(_) => "signature_size",
            Self::Tag(_) => "tag",
            Self::ProtectedHeader => "protected_header",
            Self::UnprotectedHeader => "unprotected_header",
            Self::Version(_) => "version",
            Self::FieldMissing { .. } => "field_missing",
            Self::FieldType { .. } => "field_type",
            Self::FieldRange { .. } => "field_range",
            Self::FieldUnknown { .. } => "field_unknown",
            Self::OutputAndOutcome => "output_and_outcome",
        }
    }

    /// The key of the field at fault, if it is one.
    pub fn field(&self) -> Option<String> {
        match self {
            Self::FieldMissing { field } | Self::FieldType { field } | Self::FieldRange { field } => {
                Some(field.to_string())
            }
            Self::FieldUnknown { field } => Some(field.clone()),
            _ => None,
        }
    }
}

impl fmt::Display for FormDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(error) => write!(f, "{error}"),
            Self::Payload(error) => write!(f, "payload: {error}"),
            Self::File(error) => write!(f, "file: {error}"),
            Self::FileKeyMissing { key } => write!(f, "file: key {key} is missing"),
            Self::FileKeyUnknown { key } => write!(f, "file: key {key} is not known"),
            Self::FileVersion(version) => write!(f, "file: version {version} instead of 2"),
            Self::Salts(error) => write!(f, "salts: {error}"),
            Self::Size { actual, limit } => write!(f, "{actual} bytes, of at most {limit}"),
            Self::PayloadSize(actual) => write!(f, "payload of {actual} bytes"),
            Self::SignatureSize(actual) => write!(f, "signature of {actual} bytes instead of 96"),
            Self::Tag(tag) => write!(f, "tag {tag} where none may be"),
            Self::ProtectedHeader => f.write_str("the protected header is not exactly ES384"),
            Self::UnprotectedHeader => f.write_str("the unprotected header is not empty"),
            Self::Version(version) => write!(f, "version {version} instead of 2"),
            Self::FieldMissing { field } => write!(f, "field {field} is missing"),
            Self::FieldType { field } => write!(f, "field {field} has another type or length"),
            Self::FieldRange { field } => write!(f, "field {field} has a value that cannot be"),
            Self::FieldUnknown { field } => write!(f, "field {field} is not known"),
            Self::OutputAndOutcome => f.write_str("fields 4 and 6 contradict each other"),
        }
    }
}
