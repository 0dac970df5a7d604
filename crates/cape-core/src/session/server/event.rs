use core::fmt;

use crate::session::{CallId, Open};

/// What a message from the client means.
pub enum ServerEvent<'m> {
    /// The caller does not want the call any more: it is stopped, and answered with the error
    /// `Cancelled`, or with its end if it has come to it.
    Cancel {
        /// The call.
        call: CallId,
    },
    /// The client ends the connection: there will be no new calls.
    Close {
        /// The reason, a close code of WebSocket.
        code: u16,
    },
    /// More output may be sent.
    Credit {
        /// The call.
        call: CallId,
        /// Bytes that may be sent now.
        available: u64,
    },
    /// The next bytes of the input.
    Data {
        /// The call.
        call: CallId,
        /// The bytes, in the buffer that was received.
        bytes: &'m [u8],
    },
    /// The input is whole.
    End {
        /// The call.
        call: CallId,
    },
    /// A call begins. When it has its input inside, the input is whole.
    Open {
        /// The call.
        call: CallId,
        /// What is asked for.
        open: Box<Open>,
    },
    /// The message was answered here: this is to be sent, and nothing else is to be done.
    Reply(Vec<u8>),
}

/// Shows how many bytes there are, not what they say.
impl fmt::Debug for ServerEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancel { call } => write!(f, "Cancel(call {call})"),
            Self::Close { code } => write!(f, "Close({code})"),
            Self::Credit { call, available } => write!(f, "Credit(call {call}, {available} bytes)"),
            Self::Data { call, bytes } => write!(f, "Data(call {call}, {} bytes)", bytes.len()),
            Self::End { call } => write!(f, "End(call {call})"),
            Self::Open { call, open } => write!(f, "Open(call {call}, {open:?})"),
            Self::Reply(message) => write!(f, "Reply({} bytes)", message.len()),
        }
    }
}
