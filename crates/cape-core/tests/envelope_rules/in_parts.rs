//! The same envelopes, opened window by window and in any order: the verdict is that of opening them
//! whole.

use cape_core::envelope::{
    CHUNK_LENGTH, Error, PrivateKey, RandomAccess, SEALED_CHUNK_LENGTH, START_LENGTH, begin_open,
    head_length, last_chunk_start,
};

/// What opening in windows of some lengths gives, and then what random access gives.
pub(crate) fn open(sealed: &[u8], keys: &[&PrivateKey]) -> Vec<Result<Vec<u8>, Error>> {
    let windows = [1, 3, 64].map(|chunks| open_windows(sealed, keys, chunks * SEALED_CHUNK_LENGTH));
    windows.into_iter().chain([open_backwards(sealed, keys)]).collect()
}

#[track_caller]
pub(crate) fn refused(sealed: &[u8], keys: &[&PrivateKey], expected: &Error) {
    for verdict in open(sealed, keys) {
        assert_eq!(verdict.as_ref(), Err(expected));
    }
}

/// Everything before the chunks, and these.
fn split(sealed: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let head = head_length(&sealed[..sealed.len().min(START_LENGTH)])?;
    Ok(sealed.split_at(head.min(sealed.len())))
}

fn open_windows(sealed: &[u8], keys: &[&PrivateKey], window: usize) -> Result<Vec<u8>, Error> {
    let (head, mut chunks) = split(sealed)?;
    let (_, mut opener) = begin_open(head, keys, b"")?;
    let mut plaintext = vec![0; chunks.len()];
    let mut written = 0;
    while let Some((next, rest)) = chunks.split_at_checked(window) {
        written += opener.open_window(next, &mut plaintext[written..])?;
        chunks = rest;
    }
    written += opener.open_last(chunks, &mut plaintext[written..])?;
    plaintext.truncate(written);
    Ok(plaintext)
}

/// Opens the last chunk, then each alone from the end to the beginning.
fn open_backwards(sealed: &[u8], keys: &[&PrivateKey]) -> Result<Vec<u8>, Error> {
    let (head, chunks) = split(sealed)?;
    let (_, opener) = begin_open(head, keys, b"")?;
    let last = &chunks[last_chunk_start(chunks.len() as u64)? as usize..];
    let payload = RandomAccess::new(opener, chunks.len() as u64, last)?;
    let mut plaintext = vec![0; payload.plaintext_length() as usize];
    let places: Vec<_> = plaintext.chunks_mut(CHUNK_LENGTH).collect();
    for ((index, sealed), place) in chunks.chunks(SEALED_CHUNK_LENGTH).enumerate().zip(places).rev() {
        assert_eq!(payload.open(index as u64, sealed, place)?, place.len());
    }
    Ok(plaintext)
}
