use cape_core::envelope::TEXT_MARK;
use cape_core::identity::{Manifest, Signed, Vault};
use cape_core::{ErrorCode, UnixTime};

use super::CallError;
use crate::connection::Input;

/// All of the input, of at most `limit` bytes.
pub(super) async fn whole(input: &mut Input, limit: u64) -> Result<Vec<u8>, CallError> {
    let mut data = input.next().await.unwrap_or_default();
    loop {
        if data.len() as u64 > limit {
            return Err(CallError::too_large("input", data.len() as u64, limit));
        }
        match input.next().await {
            Some(part) => data.extend_from_slice(&part),
            None => return Ok(data),
        }
    }
}

/// What the handler is given: the input, opened when it is a ciphertext.
pub(super) fn open(
    data: Vec<u8>,
    _function: &Signed<Manifest>,
    _vault: &Vault,
    _now: UnixTime,
) -> Result<Vec<u8>, CallError> {
    if !data.starts_with(TEXT_MARK) {
        return Ok(data);
    }
    Err(CallError::new(ErrorCode::UnsupportedFormat, "a ciphertext of an unknown version"))
}
