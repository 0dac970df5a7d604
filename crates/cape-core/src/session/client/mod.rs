mod event;
mod handshake;
mod session;

pub use event::ClientEvent;
pub use handshake::ClientHandshake;
pub use session::ClientSession;
