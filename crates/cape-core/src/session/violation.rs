use core::fmt;

use super::content::ContentError;
use super::{BranchError, CallId, FrameType};
use crate::ErrorCode;
use crate::crypto::HpkeError;

/// What the other side did that the protocol does not allow. The session is over: the connection is
/// closed with code 1002 and no other word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The ServerHello's path and index are no place in a tree.
    Branch(BranchError),
    /// OPEN with a call's number that is not above the last one.
    CallNotRising {
        /// The number.
        call: u32,
        /// The highest used before.
        last: u32,
    },
    /// A frame of a call that is not open.
    CallUnknown {
        /// What the frame is.
        frame: FrameType,
        /// The call's number.
        call: u32,
    },
    /// CANCEL with a content.
    CancelNotEmpty {
        /// Bytes of it.
        size: usize,
    },
    /// CLOSE a second time.
    CloseRepeated,
    /// A frame's content breaks a rule of form.
    Content {
        /// What the frame is.
        frame: FrameType,
        /// The rule.
        error: ContentError,
    },
    /// More DATA than was granted.
    CreditExceeded {
        /// The call.
        call: CallId,
        /// Bytes in the frame.
        size: usize,
        /// Bytes that were granted and not used.
        credit: u64,
    },
    /// CREDIT whose content is not four bytes.
    CreditMalformed {
        /// Bytes of it.
        size: usize,
    },
    /// `describe` yields other values than the attestation document vouches for.
    DescriptionMismatch,
    /// DATA without bytes.
    EmptyData {
        /// The call.
        call: CallId,
    },
    /// DATA or END in a direction that has ended.
    Ended {
        /// What the frame is.
        frame: FrameType,
        /// The call.
        call: CallId,
    },
    /// Flags in a frame's header.
    FlagsSet {
        /// The byte, which must be 0.
        flags: u8,
    },
    /// A frame that does not open: altered, replayed, out of order, or sealed under other keys.
    FrameForged {
        /// Its place in the order, from 0.
        counter: u64,
    },
    /// A frame over the limit.
    FrameTooLarge {
        /// Bytes of the message.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A message too short to hold a frame (and, first of the client, an encapsulated key).
    FrameTooShort {
        /// Bytes of the message.
        size: usize,
    },
    /// A frame that this side may not send.
    FrameTypeForbidden {
        /// What the frame is.
        frame: FrameType,
    },
    /// A frame of no known type.
    FrameTypeUnknown {
        /// The number in its header.
        number: u8,
    },
    /// More than 2^32 frames in one direction.
    FramesExhausted,
    /// The ServerHello breaks a rule of form.
    Hello(ContentError),
    /// The ServerHello is over the limit.
    HelloTooLarge {
        /// Bytes of the message.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// More bytes inside OPEN or END than belong there.
    InlineTooLarge {
        /// What the frame is.
        frame: FrameType,
        /// Bytes there are.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The KEM key of the ServerHello, or the encapsulated key of the client.
    Kem(HpkeError),
    /// `key` is answered with another account or mechanism than was asked for.
    KeyMismatch,
    /// More LOG than allowed.
    LogTooLarge {
        /// The call.
        call: CallId,
        /// Bytes allowed.
        limit: usize,
    },
    /// LOG for a call that did not ask for it.
    LogUnwanted {
        /// The call.
        call: CallId,
    },
    /// OPEN from a client that sent CLOSE.
    OpenAfterClose {
        /// The call's number.
        call: u32,
    },
    /// An OPEN over the limit.
    OpenTooLarge {
        /// Bytes of its content.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The output does not have the digest that END states.
    OutputMismatch {
        /// The call.
        call: CallId,
    },
    /// The receipt key beside a receipt is not the one the attestation document vouches for.
    ReceiptKeyMismatch {
        /// The call.
        call: CallId,
    },
    /// END of a run without the receipt that was asked for.
    ReceiptMissing {
        /// The call.
        call: CallId,
    },
    /// A receipt, or its key, for a call that did not ask for one.
    ReceiptUnwanted {
        /// The call.
        call: CallId,
    },
    /// The reserved bytes of a frame's header.
    ReservedSet {
        /// Their value, which must be 0.
        reserved: u16,
    },
    /// A message after the session's end.
    SessionOver,
    /// The suite of the ServerHello is not one that was offered.
    SuiteNotOffered {
        /// Its number.
        id: u64,
    },
    /// The suite of the ServerHello was offered, and is not known here.
    SuiteUnknown {
        /// Its number.
        id: u64,
    },
    /// A frame of the connection in a call, or one of a call on the connection.
    WrongCall {
        /// What the frame is.
        frame: FrameType,
        /// The call's number.
        call: u32,
    },
}

impl Violation {
    /// The class of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::FrameTooLarge { .. }
            | Self::HelloTooLarge { .. }
            | Self::InlineTooLarge { .. }
            | Self::LogTooLarge { .. }
            | Self::OpenTooLarge { .. } => ErrorCode::TooLarge,
            Self::ReceiptMissing { .. } => ErrorCode::ReceiptInvalid,
            _ => ErrorCode::ProtocolError,
        }
    }

    /// The facts of an error of size or of a receipt, by name.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::FrameTooLarge { size, limit }
            | Self::HelloTooLarge { size, limit }
            | Self::InlineTooLarge { size, limit, .. }
            | Self::OpenTooLarge { size, limit } => {
                vec![("size", size.to_string()), ("limit", limit.to_string())]
            }
            Self::LogTooLarge { limit, .. } => vec![("limit", limit.to_string())],
            Self::ReceiptMissing { .. } => vec![("reason", "missing".to_owned())],
            _ => Vec::new(),
        }
    }
}

impl From<BranchError> for Violation {
    fn from(error: BranchError) -> Self {
        Self::Branch(error)
    }
}

impl From<HpkeError> for Violation {
    fn from(error: HpkeError) -> Self {
        Self::Kem(error)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(error) => write!(f, "server hello: {error}"),
            Self::CallNotRising { call, last } => {
                write!(f, "OPEN of call {call} after call {last}: numbers must rise")
            }
            Self::CallUnknown { frame, call } => write!(f, "{frame} of call {call}, which is not open"),
            Self::CancelNotEmpty { size } => write!(f, "CANCEL with a content of {size} bytes"),
            Self::CloseRepeated => f.write_str("CLOSE a second time"),
            Self::Content { frame, error } => write!(f, "{frame}: {error}"),
            Self::CreditExceeded { call, size, credit } => {
                write!(f, "DATA of {size} bytes in call {call} where {credit} were granted")
            }
            Self::CreditMalformed { size } => write!(f, "CREDIT of {size} bytes instead of 4"),
            Self::DescriptionMismatch => {
                f.write_str("the description is not what the attestation document vouches for")
            }
            Self::EmptyData { call } => write!(f, "DATA without bytes in call {call}"),
            Self::Ended { frame, call } => write!(f, "{frame} in call {call} after its direction's end"),
            Self::FlagsSet { flags } => write!(f, "frame with flags {flags:#04x}"),
            Self::FrameForged { counter } => write!(f, "frame {counter} does not open"),
            Self::FrameTooLarge { size, limit } => {
                write!(f, "frame of {size} bytes is over the limit of {limit}")
            }
            Self::FrameTooShort { size } => write!(f, "message of {size} bytes is too short for a frame"),
            Self::FrameTypeForbidden { frame } => write!(f, "{frame} from the wrong side"),
            Self::FrameTypeUnknown { number } => write!(f, "frame of unknown type {number}"),
            Self::FramesExhausted => f.write_str("more than 2^32 frames in one direction"),
            Self::Hello(error) => write!(f, "server hello: {error}"),
            Self::HelloTooLarge { size, limit } => {
                write!(f, "server hello of {size} bytes is over the limit of {limit}")
            }
            Self::InlineTooLarge { frame, size, limit } => {
                write!(f, "{frame} with {size} bytes inside is over the limit of {limit}")
            }
            Self::Kem(error) => write!(f, "key exchange: {error}"),
            Self::KeyMismatch => f.write_str("the key is of another account or mechanism than asked for"),
            Self::LogTooLarge { call, limit } => {
                write!(f, "LOG of call {call} is over the limit of {limit} bytes")
            }
            Self::LogUnwanted { call } => write!(f, "LOG in call {call}, which did not ask for it"),
            Self::OpenAfterClose { call } => write!(f, "OPEN of call {call} after CLOSE"),
            Self::OpenTooLarge { size, limit } => {
                write!(f, "OPEN of {size} bytes is over the limit of {limit}")
            }
            Self::OutputMismatch { call } => {
                write!(f, "the output of call {call} does not have the digest its end states")
            }
            Self::ReceiptKeyMismatch { call } => {
                write!(f, "the receipt key of call {call} is not what the attestation document vouches for")
            }
            Self::ReceiptMissing { call } => {
                write!(f, "the enclave gave no receipt of call {call}, which asked for one")
            }
            Self::ReceiptUnwanted { call } => {
                write!(f, "a receipt in call {call}, which did not ask for one")
            }
            Self::ReservedSet { reserved } => write!(f, "frame with reserved bytes {reserved:#06x}"),
            Self::SessionOver => f.write_str("message after the session's end"),
            Self::SuiteNotOffered { id } => write!(f, "the enclave chose suite {id}, which was not offered"),
            Self::SuiteUnknown { id } => write!(f, "the enclave chose suite {id}, which is not known here"),
            Self::WrongCall { frame, call } => write!(f, "{frame} on call {call}"),
        }
    }
}

impl core::error::Error for Violation {}
