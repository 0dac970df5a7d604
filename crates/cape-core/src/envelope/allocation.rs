//! Memory for what is as long as a payload: where there is none, that is an error, and not the end of the
//! process.

use super::error::Error;

/// An empty vector with room for so many items.
///
/// # Errors
/// [`Error::NoMemory`].
pub(super) fn room_for<T>(count: usize) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    let refused = |_| Error::NoMemory { bytes: count.saturating_mul(size_of::<T>()) };
    items.try_reserve_exact(count).map_err(refused)?;
    Ok(items)
}

/// `length` bytes, all zero.
///
/// # Errors
/// [`Error::NoMemory`].
pub(super) fn zeroed(length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    resize(&mut bytes, length)?;
    Ok(bytes)
}

/// Makes `bytes` so long; what it then holds is of no account.
///
/// # Errors
/// [`Error::NoMemory`].
pub(super) fn resize(bytes: &mut Vec<u8>, length: usize) -> Result<(), Error> {
    let more = length.saturating_sub(bytes.len());
    bytes.try_reserve_exact(more).map_err(|_| Error::NoMemory { bytes: length })?;
    bytes.resize(length, 0);
    Ok(())
}

/// The items, of which there are at most `most`.
///
/// # Errors
/// [`Error::NoMemory`].
pub(super) fn collected<T>(most: usize, items: impl Iterator<Item = T>) -> Result<Vec<T>, Error> {
    let mut collected = room_for(most)?;
    collected.extend(items.take(most));
    Ok(collected)
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
            assert_eq!(collected(bytes, [0_u8].into_iter()), Err(Error::NoMemory { bytes }));
            assert_eq!(zeroed(bytes), Err(Error::NoMemory { bytes }));
            assert_eq!(resize(&mut vec![1], bytes), Err(Error::NoMemory { bytes }));
        }
    }

    #[test]
    fn what_there_is_is_given() {
        assert_eq!(zeroed(3), Ok(vec![0; 3]));
        assert_eq!(collected(3, 0..3), Ok(vec![0, 1, 2]));
        assert_eq!(joined(&[b"a", b"", b"bc"]), Ok(b"abc".to_vec()));
    }
}
