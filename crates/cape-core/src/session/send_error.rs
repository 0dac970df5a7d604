use core::fmt;

use super::CallId;
use crate::ErrorCode;

/// Why a message is not sent. The session goes on as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The buffer for a frame is of another length.
    BufferLength {
        /// Bytes the frame takes.
        expected: usize,
        /// Bytes of the buffer.
        actual: usize,
    },
    /// The call is not open: unknown, or ended by the enclave.
    CallNotOpen {
        /// The call.
        call: CallId,
    },
    /// Every number for calls was used on this connection.
    CallsExhausted,
    /// A side has sent CLOSE: no new calls on this connection, nothing ran.
    Closing,
    /// More DATA than the other side has granted so far.
    CreditExceeded {
        /// The call.
        call: CallId,
        /// Bytes to send.
        size: usize,
        /// Bytes granted and not used.
        credit: u64,
    },
    /// The own direction of the call has ended.
    DirectionEnded {
        /// The call.
        call: CallId,
    },
    /// DATA without bytes.
    EmptyData {
        /// The call.
        call: CallId,
    },
    /// More than a frame holds.
    FrameTooLarge {
        /// Bytes to send.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// 2^32 frames were sent on this connection.
    FramesExhausted,
    /// More bytes than may be sent inside OPEN or END.
    InlineTooLarge {
        /// Bytes to send.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// An OPEN over the limit.
    OpenTooLarge {
        /// Bytes of its content.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The session has ended.
    SessionOver,
    /// As many calls are open as allowed.
    TooManyCalls {
        /// Calls allowed.
        limit: usize,
    },
}

impl SendError {
    /// The class of the error. What is `Overloaded` may be tried on another connection: nothing was
    /// sent.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::CallsExhausted | Self::Closing | Self::TooManyCalls { .. } => ErrorCode::Overloaded,
            Self::FrameTooLarge { .. } | Self::InlineTooLarge { .. } | Self::OpenTooLarge { .. } => {
                ErrorCode::TooLarge
            }
            _ => ErrorCode::ProtocolError,
        }
    }

    /// The facts of an error of size, by name.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::FrameTooLarge { size, limit }
            | Self::InlineTooLarge { size, limit }
            | Self::OpenTooLarge { size, limit } => {
                vec![("size", size.to_string()), ("limit", limit.to_string())]
            }
            Self::TooManyCalls { limit } => vec![("limit", limit.to_string())],
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferLength { expected, actual } => {
                write!(f, "buffer of {actual} bytes for a frame of {expected}")
            }
            Self::CallNotOpen { call } => write!(f, "call {call} is not open"),
            Self::CallsExhausted => f.write_str("no numbers for calls are left on this connection"),
            Self::Closing => f.write_str("the connection is closing and takes no new calls"),
            Self::CreditExceeded { call, size, credit } => {
                write!(f, "{size} bytes to send in call {call} where {credit} are granted")
            }
            Self::DirectionEnded { call } => write!(f, "this side of call {call} has ended"),
            Self::EmptyData { call } => write!(f, "no bytes to send in call {call}"),
            Self::FrameTooLarge { size, limit } => {
                write!(f, "{size} bytes are over the limit of {limit} for a frame")
            }
            Self::FramesExhausted => f.write_str("2^32 frames were sent on this connection"),
            Self::InlineTooLarge { size, limit } => {
                write!(f, "{size} bytes inside a message are over the limit of {limit}")
            }
            Self::OpenTooLarge { size, limit } => {
                write!(f, "OPEN of {size} bytes is over the limit of {limit}")
            }
            Self::SessionOver => f.write_str("the session has ended"),
            Self::TooManyCalls { limit } => write!(f, "{limit} calls are open, as many as allowed"),
        }
    }
}

impl core::error::Error for SendError {}
