//! Envelopes that are opened in parts, by window or each chunk alone: the verdict is that of opening them
//! whole.

use cape_core::envelope::{
    CHUNK_LENGTH, Error, PrivateKey, RandomAccess, SEALED_CHUNK_LENGTH, begin_open, head_length,
    last_chunk_start, open,
};

use crate::{envelope, vectors};

pub(crate) fn check(input: &[u8]) {
    let keys = envelope::keys();
    if input.starts_with(b"cape:") {
        assert_eq!(head_length(input), Err(Error::TextForm));
        return;
    }
    let whole = open(input, &keys, b"").map(|opened| opened.plaintext);
    for parts in [in_windows(input, &keys, 1), in_windows(input, &keys, 2), backwards(input, &keys)] {
        assert_eq!(parts.as_ref().ok(), whole.as_ref().ok());
    }
}

fn split(sealed: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    Ok(sealed.split_at(head_length(sealed)?.min(sealed.len())))
}

fn in_windows(sealed: &[u8], keys: &[&PrivateKey], chunks_at_once: usize) -> Result<Vec<u8>, Error> {
    let (head, mut chunks) = split(sealed)?;
    let (_, mut opener) = begin_open(head, keys, b"")?;
    let mut plaintext = vec![0; chunks.len()];
    let mut written = 0;
    while let Some((window, rest)) = chunks.split_at_checked(chunks_at_once * SEALED_CHUNK_LENGTH) {
        written += opener.open_window(window, &mut plaintext[written..])?;
        chunks = rest;
    }
    written += opener.open_last(chunks, &mut plaintext[written..])?;
    plaintext.truncate(written);
    Ok(plaintext)
}

fn backwards(sealed: &[u8], keys: &[&PrivateKey]) -> Result<Vec<u8>, Error> {
    let (head, chunks) = split(sealed)?;
    let (_, opener) = begin_open(head, keys, b"")?;
    let length = chunks.len() as u64;
    let last = &chunks[last_chunk_start(length)? as usize..];
    let payload = RandomAccess::new(opener, length, last)?;
    let mut plaintext = vec![0; payload.plaintext_length() as usize];
    let places: Vec<_> = plaintext.chunks_mut(CHUNK_LENGTH).collect();
    for ((index, sealed), place) in chunks.chunks(SEALED_CHUNK_LENGTH).enumerate().zip(places).rev() {
        assert_eq!(payload.open(index as u64, sealed, place)?, place.len());
    }
    Ok(plaintext)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    vectors::envelopes(40_960)
}
