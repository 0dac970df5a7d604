//! Memory for what is as long as a payload: where there is none, that is an error, and not the end of the
//! process.

use super::error::Error;

/// An empty vector with room for `length` bytes.
///
/// # Errors
/// [`Error::NoMemory`].
pub(super) fn room_for(length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| Error::NoMemory { bytes: length })?;
    Ok(bytes)
}

/// `length` bytes, all zero.
///
/// # Errors
/// [`Error::NoMemory`].
pub(super) fn zeroed(length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = room_for(length)?;
    bytes.resize(length, 0);
    Ok(bytes)
}

/// The parts, one after the other.
///
/// # Errors
/// [`Error::NoMemory`].
pub(super) fn joined(parts: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let mut bytes = room_for(parts.iter().map(|part| part.len()).sum())?;
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_can_be_is_refused() {
        for bytes in [usize::MAX, isize::MAX as usize] {
            assert_eq!(zeroed(bytes), Err(Error::NoMemory { bytes }));
        }
    }

    #[test]
    fn what_there_is_is_given() {
        assert_eq!(zeroed(3), Ok(vec![0; 3]));
        assert_eq!(joined(&[b"a", b"", b"bc"]), Ok(b"abc".to_vec()));
    }
}
