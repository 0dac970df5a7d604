use cape_core::ErrorCode;
use cape_core::envelope::{Error, PREFIX_LENGTH, SEALED_CHUNK_LENGTH, Truncation, inspect, open};

use super::forge::{Forge, flip_each_bit, key};

const SIZE: usize = 2 * 16_384 + 100;

fn opened(sealed: &[u8]) -> Result<Vec<u8>, Error> {
    open(sealed, &[&key(1)], b"").map(|opened| opened.plaintext)
}

/// An envelope with two whole chunks and a last one, and where the chunks begin.
fn long() -> (Vec<u8>, usize) {
    let mut forge = Forge::new();
    forge.plaintext = (0..SIZE).map(|index| (index % 251) as u8).collect();
    (forge.sealed(), forge.header().len() + PREFIX_LENGTH)
}

#[test]
fn cut_anywhere() {
    let sealed = Forge::new().sealed();
    for end in 0..sealed.len() {
        let error = opened(&sealed[..end]).unwrap_err();
        let expected = match end {
            0..4 => ErrorCode::UnsupportedFormat,
            // Of the last chunk a tag's length is left: whether it was cut or altered, nobody can tell.
            _ if end >= sealed.len() - 6 => ErrorCode::DecryptFailed,
            _ => ErrorCode::Truncated,
        };
        assert_eq!(error.code(), expected, "{end}");
    }
}

#[test]
fn cut_between_chunks() {
    let (sealed, start) = long();
    for chunks in 0..=2 {
        for more in 0..16 {
            let cut = &sealed[..start + chunks * SEALED_CHUNK_LENGTH + more];
            assert_eq!(opened(cut), Err(Truncation::LastChunk.into()));
            assert_eq!(inspect(cut).err(), Some(Truncation::LastChunk.into()));
        }
    }
}

#[test]
fn cut_within_a_chunk() {
    let (sealed, start) = long();
    for (end, index) in [(16, 0), (SEALED_CHUNK_LENGTH - 1, 0), (2 * SEALED_CHUNK_LENGTH + 16, 2)] {
        assert_eq!(opened(&sealed[..start + end]), Err(Error::ChunkAltered { index }));
    }
    assert_eq!(opened(&sealed[..sealed.len() - 1]), Err(Error::ChunkAltered { index: 2 }));
}

#[test]
fn bytes_after_the_end() {
    for (size, expected) in [
        (100, Error::ChunkAltered { index: 0 }),
        // Now as long as a chunk that is not the last.
        (16_383, Truncation::LastChunk.into()),
        (16_384, Error::ChunkAltered { index: 1 }),
    ] {
        let mut sealed = Forge::with(|forge| forge.plaintext = vec![7; size]);
        sealed.push(0);
        assert_eq!(opened(&sealed), Err(expected));
    }
}

#[test]
fn chunks_swapped_repeated_or_left_out() {
    let (sealed, start) = long();
    let (head, payload) = sealed.split_at(start);
    let (chunks, last) = payload.as_chunks::<SEALED_CHUNK_LENGTH>();
    let refused = |parts: &[&[u8]], index| {
        let altered = [&[head], parts].concat().concat();
        assert_eq!(opened(&altered), Err(Error::ChunkAltered { index }));
    };
    refused(&[&chunks[1], &chunks[0], last], 0);
    refused(&[&chunks[0], &chunks[0], last], 1);
    refused(&[&chunks[1], last], 0);
    refused(&[&chunks[0], last], 1);
    refused(&[last], 0);
}

#[test]
fn the_payload_of_another_envelope() {
    let start = Forge::new().header().len();
    let (one, other) = (Forge::new().sealed(), Forge::new().sealed());
    // Both have the same file key, so the payload opens; its chunks alone do not.
    assert!(opened(&[&one[..start], &other[start..]].concat()).is_ok());
    let chunks = start + PREFIX_LENGTH;
    let mixed = [&one[..chunks], &other[chunks..]].concat();
    assert_eq!(opened(&mixed), Err(Error::ChunkAltered { index: 0 }));
}

#[test]
fn every_flipped_bit_of_a_chunk() {
    let sealed = Forge::new().sealed();
    let start = Forge::new().header().len() + PREFIX_LENGTH;
    flip_each_bit(&sealed, start..sealed.len(), |bit, flipped| {
        assert_eq!(opened(flipped), Err(Error::ChunkAltered { index: 0 }), "bit {bit}");
    });
}
