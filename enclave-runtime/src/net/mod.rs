//! How the runtime is reached and reaches its host: over TCP and Unix sockets on a machine, over vsock
//! (vsock(7)) in an enclave, which has nothing else.

mod address;
mod listening;
mod stream;

pub(crate) use address::Address;
pub(crate) use listening::Listening;
pub(crate) use stream::{MAX_VSOCK_WRITE, Stream};
