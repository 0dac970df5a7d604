use core::fmt;

use crate::session::{CallId, End, ErrorMessage};

/// What a message from the enclave means.
pub enum ClientEvent<'m> {
    /// The enclave ends the connection: there will be no new calls, those that are open go on.
    Close {
        /// The reason, a close code of WebSocket.
        code: u16,
    },
    /// More input may be sent.
    Credit {
        /// The call.
        call: CallId,
        /// Bytes that may be sent now.
        available: u64,
    },
    /// The next bytes of the output. Only [`End`](Self::End) makes the output whole.
    Data {
        /// The call.
        call: CallId,
        /// The bytes, in the buffer that was received.
        bytes: &'m [u8],
    },
    /// The output is whole: its last bytes are here, and it has the digest that the enclave states.
    End {
        /// The call, which is over.
        call: CallId,
        /// What came with the end.
        end: Box<End>,
    },
    /// The call failed.
    Error {
        /// The call, which is over.
        call: CallId,
        /// Why.
        error: ErrorMessage,
    },
    /// The session failed, with all its calls.
    Failed {
        /// Why.
        error: ErrorMessage,
    },
    /// What the function printed.
    Log {
        /// The call.
        call: CallId,
        /// The text, usually UTF-8, cut anywhere.
        bytes: &'m [u8],
    },
}

/// Shows how many bytes there are, not what they say.
impl fmt::Debug for ClientEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close { code } => write!(f, "Close({code})"),
            Self::Credit { call, available } => write!(f, "Credit(call {call}, {available} bytes)"),
            Self::Data { call, bytes } => write!(f, "Data(call {call}, {} bytes)", bytes.len()),
            Self::End { call, end } => write!(f, "End(call {call}, {end:?})"),
            Self::Error { call, error } => write!(f, "Error(call {call}, {error:?})"),
            Self::Failed { error } => write!(f, "Failed({error:?})"),
            Self::Log { call, bytes } => write!(f, "Log(call {call}, {} bytes)", bytes.len()),
        }
    }
}
