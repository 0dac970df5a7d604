//! What can be wrong with a document's form and with its chain, in detail.

use core::fmt;
use core::ops::RangeInclusive;

use super::der::NotDer;
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
        /// The largest length it may have.
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

/// As much of a text as an error tells: a document may say 16 KiB.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

/// What is wrong with a chain (check 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainDefect {
    /// A certificate that is not of the one kind this chain consists of.
    Certificate(CertificateDefect),
    /// The signature does not hold under the key of the certificate above.
    Signature,
    /// The issuer is not the subject of the certificate above.
    IssuerMismatch,
    /// It issues another certificate without being an authority.
    NotAnAuthority,
    /// More authorities follow than it allows.
    PathLength {
        /// How many may follow.
        allowed: usize,
        /// How many do.
        actual: usize,
    },
    /// An authority whose key may not sign certificates.
    KeyMayNotSignCertificates,
    /// The leaf is an authority, or its key may sign certificates.
    LeafIsAuthority,
    /// The leaf's key may not sign data.
    KeyMayNotSignData,
}

impl fmt::Display for ChainDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(defect) => write!(f, "{defect}"),
            Self::Signature => f.write_str("its signature does not hold under its issuer's key"),
            Self::IssuerMismatch => f.write_str("its issuer is not the subject of the one above"),
            Self::NotAnAuthority => f.write_str("it issues a certificate without being an authority"),
            Self::PathLength { allowed, actual } => {
                write!(f, "{actual} authorities follow where it allows {allowed}")
            }
            Self::KeyMayNotSignCertificates => f.write_str("its key may not sign certificates"),
            Self::LeafIsAuthority => f.write_str("the last certificate may issue others"),
            Self::KeyMayNotSignData => f.write_str("its key may not sign data"),
        }
    }
}

impl From<CertificateDefect> for ChainDefect {
    fn from(defect: CertificateDefect) -> Self {
        Self::Certificate(defect)
    }
}

/// What is wrong with a single certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateDefect {
    /// Not strict DER: which rule is broken.
    NotDer(&'static str),
    /// Not version 3.
    Version,
    /// A serial number of zero or of more than 20 bytes.
    SerialNumber,
    /// A signature algorithm other than ecdsa-with-SHA384, in either place.
    SignatureAlgorithm,
    /// A key that is not an uncompressed point on the named curve P-384.
    PublicKey,
    /// The same extension twice.
    DuplicateExtension,
    /// A critical extension that is not judged here.
    UnknownCriticalExtension,
    /// An extension that restricts the certificate in a way that is not judged here.
    UnjudgedRestriction,
    /// Basic constraints are missing.
    NoBasicConstraints,
    /// Basic constraints are not critical.
    BasicConstraintsNotCritical,
    /// A path length in a certificate that is no authority.
    PathLengthOutOfPlace,
    /// A path length of more than 255, which other verifiers do not read.
    PathLengthTooLarge,
    /// The key usage is missing.
    NoKeyUsage,
}

impl fmt::Display for CertificateDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDer(rule) => write!(f, "not strict DER: {rule}"),
            Self::Version => f.write_str("not an X.509 certificate of version 3"),
            Self::SerialNumber => f.write_str("serial number of zero or of more than 20 bytes"),
            Self::SignatureAlgorithm => f.write_str("signature algorithm other than ecdsa-with-SHA384"),
            Self::PublicKey => f.write_str("key that is not an uncompressed point on P-384"),
            Self::DuplicateExtension => f.write_str("an extension is there twice"),
            Self::UnknownCriticalExtension => f.write_str("critical extension that is not known"),
            Self::UnjudgedRestriction => f.write_str("an extension restricts it in a way that is not judged"),
            Self::NoBasicConstraints => f.write_str("no basic constraints"),
            Self::BasicConstraintsNotCritical => f.write_str("basic constraints that are not critical"),
            Self::PathLengthOutOfPlace => f.write_str("path length without being an authority"),
            Self::PathLengthTooLarge => f.write_str("path length of more than 255"),
            Self::NoKeyUsage => f.write_str("no key usage"),
        }
    }
}

impl From<NotDer> for CertificateDefect {
    fn from(NotDer(rule): NotDer) -> Self {
        Self::NotDer(rule)
    }
}
