use core::fmt;

use super::form_defect::FormDefect;
use crate::encoding::hex;
use crate::identity::Checksum;
use crate::session::ContentError;
use crate::{ErrorCode, UnixTime};

/// Why a receipt does not prove what it has to prove. The checks run in a fixed order
/// (`docs/spec/receipt.md`, verification), so every defect has one error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It names the call by another nonce, or by none: it is of another call.
    CallNonceMismatch,
    /// What was sent is not what the receipt says, of a ciphertext or of whether it was one.
    CiphertextMismatch,
    /// It belongs to another attestation document.
    DocumentMismatch {
        /// SHA-384 of the document.
        expected: [u8; 48],
        /// What the receipt says.
        actual: [u8; 48],
    },
    /// Another function ran.
    FunctionMismatch {
        /// The function asked for.
        expected: Checksum,
        /// The function that ran.
        actual: Checksum,
    },
    /// The handler was given other bytes.
    InputMismatch,
    /// The key is no SubjectPublicKeyInfo of a point on P-384.
    KeyMalformed,
    /// The key is not the one that the document vouches for.
    KeyMismatch {
        /// SHA-256 of the key that the document vouches for.
        expected: [u8; 32],
        /// SHA-256 of the key.
        actual: [u8; 32],
    },
    /// It breaks a rule of form.
    Malformed(FormDefect),
    /// The document was not made for sessions, so it vouches for no receipt key.
    NotOfSessions,
    /// The run ended otherwise.
    OutcomeMismatch {
        /// `success`, or the error asked for.
        expected: String,
        /// `success`, or the error that it ended with.
        actual: String,
    },
    /// The handler returned other bytes.
    OutputMismatch,
    /// The run began when the document did not stand for its enclave.
    OutsideDocument {
        /// When it began.
        started: UnixTime,
        /// The first time that would have been right.
        earliest: UnixTime,
        /// The last time that would have been right.
        latest: UnixTime,
    },
    /// Data cannot be compared without its salt: of the input, or of the output.
    SaltMissing(&'static str),
    /// It is not later than a receipt that was seen before the call was made.
    SequenceRepeated {
        /// The number of that receipt.
        after: u64,
        /// Its own number.
        actual: u64,
    },
    /// The call was made in another session.
    SessionMismatch {
        /// The leaf of the session asked for.
        expected: [u8; 32],
        /// The leaf in the receipt.
        actual: [u8; 32],
    },
    /// Its signature does not hold under the receipt key.
    SignatureInvalid,
}

impl Error {
    /// The class of this error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::ReceiptInvalid
    }

    /// The stable name of the check that did not hold.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::CallNonceMismatch => "call_nonce",
            Self::CiphertextMismatch => "ciphertext",
            Self::DocumentMismatch { .. } => "document",
            Self::FunctionMismatch { .. } => "function",
            Self::InputMismatch => "input",
            Self::KeyMalformed => "key_malformed",
            Self::KeyMismatch { .. } => "key",
            Self::Malformed(defect) => defect.reason(),
            Self::NotOfSessions => "use",
            Self::OutcomeMismatch { .. } => "outcome",
            Self::OutputMismatch => "output",
            Self::OutsideDocument { .. } => "started",
            Self::SaltMissing(_) => "salt",
            Self::SequenceRepeated { .. } => "sequence",
            Self::SessionMismatch { .. } => "session",
            Self::SignatureInvalid => "signature",
        }
    }

    /// The facts by name, as text: hashes in hexadecimal, times as RFC 3339. `reason` is always there.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = vec![("reason", self.reason().to_owned())];
        let mut differ = |expected, actual| details.extend([("expected", expected), ("actual", actual)]);
        match self {
            Self::DocumentMismatch { expected, actual } => differ(hex::encode(expected), hex::encode(actual)),
            Self::FunctionMismatch { expected, actual } => differ(expected.to_string(), actual.to_string()),
            Self::KeyMismatch { expected, actual } | Self::SessionMismatch { expected, actual } => {
                differ(hex::encode(expected), hex::encode(actual));
            }
            Self::OutcomeMismatch { expected, actual } => differ(expected.clone(), actual.clone()),
            Self::Malformed(defect) => details.extend(defect.field().map(|field| ("field", field))),
            Self::OutsideDocument { started, earliest, latest } => details.extend([
                ("started", started.to_string()),
                ("earliest", earliest.to_string()),
                ("latest", latest.to_string()),
            ]),
            Self::SaltMissing(of) => details.push(("salt", (*of).to_owned())),
            Self::SequenceRepeated { after, actual } => {
                details.extend([("after", after.to_string()), ("actual", actual.to_string())]);
            }
            Self::CallNonceMismatch
            | Self::CiphertextMismatch
            | Self::InputMismatch
            | Self::KeyMalformed
            | Self::NotOfSessions
            | Self::OutputMismatch
            | Self::SignatureInvalid => {}
        }
        details
    }
}

/// Of salts that were read.
impl From<ContentError> for Error {
    fn from(error: ContentError) -> Self {
        Self::Malformed(FormDefect::Salts(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallNonceMismatch => f.write_str("the receipt is of another call"),
            Self::CiphertextMismatch => f.write_str("the receipt is of a run on another input than was sent"),
            Self::DocumentMismatch { .. } => {
                f.write_str("the receipt belongs to another attestation document")
            }
            Self::FunctionMismatch { expected, actual } => {
                write!(f, "the receipt is of function {actual}, not of {expected}")
            }
            Self::InputMismatch => f.write_str("the receipt is of a run on another input"),
            Self::KeyMalformed => f.write_str("the receipt key is no public key on P-384"),
            Self::KeyMismatch { .. } => {
                f.write_str("the receipt key is not the one that the attestation document vouches for")
            }
            Self::Malformed(defect) => write!(f, "receipt out of form: {defect}"),
            Self::NotOfSessions => f.write_str("the attestation document vouches for no receipt key"),
            Self::OutcomeMismatch { expected, actual } => {
                write!(f, "the receipt says that the run ended with {actual}, not with {expected}")
            }
            Self::OutputMismatch => f.write_str("the receipt is of a run with another output"),
            Self::OutsideDocument { started, earliest, latest } => write!(
                f,
                "the run began at {started}; by its attestation document it had to begin between {earliest} \
                 and {latest}"
            ),
            Self::SaltMissing(of) => write!(f, "the {of} cannot be compared without its salt"),
            Self::SequenceRepeated { after, actual } => {
                write!(f, "the receipt has number {actual}, and number {after} was seen before the call")
            }
            Self::SessionMismatch { .. } => f.write_str("the receipt is of a call in another session"),
            Self::SignatureInvalid => f.write_str("the receipt's signature does not hold"),
        }
    }
}

impl core::error::Error for Error {}
