/// Recipients that an envelope may have.
pub const MAX_RECIPIENTS: usize = 32;
/// Recipients of an envelope that may be anonymous.
pub const MAX_ANONYMOUS: usize = 4;
/// Bytes that a header may have, its MAC included.
pub(super) const MAX_HEADER_LENGTH: u32 = 65_536;
