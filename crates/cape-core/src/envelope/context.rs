/// Bytes that an encryption context may have.
pub const MAX_CONTEXT_LENGTH: usize = 4096;
