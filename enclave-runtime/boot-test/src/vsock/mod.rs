//! The host's side of a machine's vsock, in a process of its own (vhost-user): connections of the
//! guest become connections to Unix sockets, and the other way round.
//!
//! | module | what it is |
//! |---|---|
//! | [`packet`] | the packets, as virtio defines them (version 1.3, 5.10) |
//! | [`connection`] | one connection's rules: credit, half-closing, resets; without I/O |
//! | `link` | a connection with the Unix socket that it belongs to |
//! | `caller` | a process of the host that says which port of the guest it wants |
//! | [`switch`] | all connections: which packet is for which, and whose turn it is |
//! | [`device`] | the queues of the machine |

mod caller;
pub mod connection;
pub mod device;
mod link;
pub mod packet;
mod statistics;
pub mod switch;

pub use device::serve;
pub use statistics::Statistics;
