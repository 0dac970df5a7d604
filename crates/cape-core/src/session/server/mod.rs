mod handshake;
mod session;

pub use handshake::{AwaitingClient, ServerHandshake};
pub use session::{ServerEvent, ServerSession};
