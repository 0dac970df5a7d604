/// The WebSocket subprotocol that both sides name.
pub const SUBPROTOCOL: &str = "cape.v2";

/// Plaintext bytes of one frame, at most.
pub const MAX_FRAME: usize = 1 << 20;

/// Plaintext bytes of a DATA frame to prefer for bulk.
pub const BULK_FRAME: usize = 256 << 10;

/// Bytes of a WebSocket message, at most: the largest frame with its overhead and, in front of the
/// client's first, an encapsulated key. Both sides set this for their sockets.
pub const MAX_MESSAGE: usize = MAX_FRAME + (2 << 10);

/// Bytes of the content of an OPEN frame, at most.
pub const MAX_OPEN: usize = 128 << 10;

/// Bytes of the client's first message, at most: an OPEN of the largest size with its overhead, behind
/// an encapsulated key. It is of somebody who has proved nothing yet.
pub const MAX_FIRST_MESSAGE: usize = MAX_OPEN + (2 << 10);

/// Bytes of input inside OPEN, and of output inside END, at most.
pub const MAX_INLINE: usize = 64 << 10;

/// Bytes of DATA that each direction of a call may carry before it is granted more.
pub const INITIAL_CREDIT: u32 = 1 << 20;

/// Bytes of LOG frames of one call, at most, the note that more was dropped included.
pub const MAX_LOG: usize = 1 << 20;

/// Bytes of a ServerHello, at most: a document of the largest size with everything beside it.
pub(super) const MAX_SERVER_HELLO: usize = 36 << 10;
