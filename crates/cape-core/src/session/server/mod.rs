mod event;
mod handshake;
mod session;

pub use event::ServerEvent;
pub use handshake::{AwaitingClient, ServerHandshake};
pub use session::ServerSession;
