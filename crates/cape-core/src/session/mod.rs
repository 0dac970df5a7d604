//! The protocol between client and enclave, both roles, without I/O (`docs/spec/session.md`).
//!
//! The client begins with [`ClientHandshake`], whose success is a [`ClientSession`]: there is no
//! other way to one, so whoever holds it has a proven enclave on the other side. The enclave begins
//! with [`ServerHandshake`] and comes by [`AwaitingClient`] to a [`ServerSession`].
//!
//! Each value returned is one binary message to send, in that order. Each message that comes is
//! opened where it lies, in the buffer it was received in, and yields at most one event. What the
//! other side may not do is a [`Violation`], after which the session is over; what this side may not
//! do now is a [`SendError`], after which it goes on.

pub mod binding;
mod call;
mod channel;
mod client;
#[cfg(feature = "zstd")]
mod compressor;
mod content;
mod description;
mod error;
mod frame;
mod hello;
mod keys;
mod lifetime;
mod limits;
mod log_budget;
mod offer;
mod query;
mod send_error;
mod server;
mod suite;
#[cfg(test)]
mod tests;

mod violation;

pub use binding::{Branch, BranchError};
pub use call::CallId;
pub use client::{ClientEvent, ClientHandshake, ClientSession};
#[cfg(feature = "zstd")]
pub use compressor::{Compressor, NotCompressed};
pub use content::{
    Answer, ContentError, DescribeAnswer, End, ErrorMessage, KeyAnswer, KeyRequest, Open, Options,
    PresentState, Request, Salts, Usage,
};
pub use description::{IsolationLayer, Mode, RuntimeDescription, RuntimeLimits};
pub use error::Error;
pub use frame::{FRAME_OVERHEAD, FrameType};
pub use lifetime::{HANDSHAKE_TIMEOUT, closing_time, document_serves};
pub use limits::{
    BULK_FRAME, INITIAL_CREDIT, MAX_FIRST_MESSAGE, MAX_FRAME, MAX_INLINE, MAX_LOG, MAX_MESSAGE, MAX_OPEN,
    SUBPROTOCOL,
};
pub use offer::{Offer, OfferError};
pub use query::{Query, QueryError};
pub use send_error::SendError;
pub use server::{AwaitingClient, ServerEvent, ServerHandshake, ServerSession};
pub use suite::Suite;
pub use violation::Violation;
