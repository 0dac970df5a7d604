//! The session protocol through its public functions, both roles.

mod calls;
mod handshake;
mod model;
mod support;
