use getrandom::SysRng;
use rand_core::UnwrapErr;

use super::*;

const SIZES: [usize; 8] = [0, 1, 16_383, 16_384, 16_385, 32_767, 32_768, 50_000];
const CONTEXT: &[u8] = b"context";

fn key() -> Secret<32> {
    Secret::take(&mut [0x5a; 32])
}

fn seal(suite: Suite, plaintext: &[u8]) -> (Vec<u8>, [u8; PREFIX_LENGTH]) {
    let (sealer, prefix) = PayloadSealer::new(suite, &key(), CONTEXT, &mut UnwrapErr(SysRng)).unwrap();
    let mut sealed = vec![0; payload_length(plaintext.len()).unwrap() - PREFIX_LENGTH];
    assert_eq!(sealer.seal_last(plaintext, &mut sealed).unwrap(), sealed.len());
    (sealed, prefix)
}

fn open(suite: Suite, prefix: &[u8; PREFIX_LENGTH], sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let opener = PayloadOpener::new(suite, &key(), CONTEXT, prefix)?;
    let mut plaintext = vec![0xee; sealed.len()];
    let length = opener.open_last(sealed, &mut plaintext)?;
    plaintext.truncate(length);
    Ok(plaintext)
}

fn plaintext(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index * 7 % 251) as u8).collect()
}

#[test]
fn what_is_sealed_opens_and_has_the_length_foretold() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        for size in SIZES {
            let (sealed, prefix) = seal(suite, &plaintext(size));
            assert_eq!(plaintext_length(PREFIX_LENGTH + sealed.len()), Ok(size));
            assert_eq!(open(suite, &prefix, &sealed), Ok(plaintext(size)));
        }
    }
}

#[test]
fn windows_make_the_same_bytes_as_one_piece() {
    let plaintext = plaintext(5 * CHUNK_LENGTH + 9);
    let sealer = || PayloadSealer(Chunks::derive(Suite::Aes256Gcm, &key(), &[3; 24], CONTEXT).unwrap().0);
    let mut whole = vec![0; plaintext.len() + 6 * TAG_LENGTH];
    sealer().seal_last(&plaintext, &mut whole).unwrap();

    let mut sealer = sealer();
    let mut pieces = vec![0; whole.len()];
    let (first, rest) = plaintext.split_at(2 * CHUNK_LENGTH);
    let written = sealer.seal_window(first, &mut pieces).unwrap();
    sealer.seal_last(rest, &mut pieces[written..]).unwrap();
    assert_eq!(pieces, whole);
}

#[test]
fn opening_in_windows_gives_what_was_sealed() {
    let plaintext = plaintext(3 * CHUNK_LENGTH);
    let (sealed, prefix) = seal(Suite::Aes256Gcm, &plaintext);
    let mut opener = PayloadOpener::new(Suite::Aes256Gcm, &key(), CONTEXT, &prefix).unwrap();
    let mut opened = vec![0; plaintext.len()];
    let (first, rest) = sealed.split_at(2 * SEALED_CHUNK_LENGTH);
    let written = opener.open_window(first, &mut opened).unwrap();
    assert_eq!(opener.open_last(rest, &mut opened[written..]), Ok(CHUNK_LENGTH));
    assert_eq!(opened, plaintext);
}

#[test]
fn another_key_context_suite_or_prefix_fails_before_any_chunk() {
    let (sealed, prefix) = seal(Suite::Aes256Gcm, b"secret");
    let other = Secret::take(&mut [0x5b; 32]);
    let refused = |suite, key: &Secret<32>, context: &[u8], prefix: &[u8; PREFIX_LENGTH]| {
        PayloadOpener::new(suite, key, context, prefix).err()
    };
    assert_eq!(refused(Suite::Aes256Gcm, &other, CONTEXT, &prefix), Some(Error::DecryptFailed));
    assert_eq!(refused(Suite::Aes256Gcm, &key(), b"contexs", &prefix), Some(Error::DecryptFailed));
    assert_eq!(refused(Suite::ChaCha20Poly1305, &key(), CONTEXT, &prefix), Some(Error::DecryptFailed));
    for byte in 0..PREFIX_LENGTH {
        let mut altered = prefix;
        altered[byte] ^= 1;
        assert_eq!(open(Suite::Aes256Gcm, &altered, &sealed), Err(Error::DecryptFailed));
    }
}

#[test]
fn a_payload_without_its_last_chunk_is_truncated() {
    for size in [0, CHUNK_LENGTH, 2 * CHUNK_LENGTH + 5] {
        let (sealed, prefix) = seal(Suite::Aes256Gcm, &plaintext(size));
        let boundary = sealed.len() / SEALED_CHUNK_LENGTH * SEALED_CHUNK_LENGTH;
        for end in [boundary, boundary + 1, boundary + 15] {
            let cut = open(Suite::Aes256Gcm, &prefix, &sealed[..end.min(sealed.len())]);
            let expected = Err(Error::Truncated(Truncation::LastChunk));
            assert_eq!(cut, if end < sealed.len() { expected } else { Ok(plaintext(size)) });
        }
    }
}

#[test]
fn chunks_swapped_repeated_cut_or_followed_by_more_are_refused() {
    let (sealed, prefix) = seal(Suite::Aes256Gcm, &plaintext(2 * CHUNK_LENGTH + 100));
    let (chunks, last) = sealed.as_chunks::<SEALED_CHUNK_LENGTH>();
    let refused = |sealed: &[&[u8]], index| {
        assert_eq!(open(Suite::Aes256Gcm, &prefix, &sealed.concat()), Err(Error::ChunkAltered { index }));
    };
    refused(&[&chunks[1], &chunks[0], last], 0);
    refused(&[&chunks[0], &chunks[0], last], 1);
    refused(&[&chunks[0], last], 1);
    refused(&[&chunks[0], &chunks[1], &last[..last.len() - 1]], 2);
    refused(&[&chunks[0], &chunks[1], last, &[0]], 2);
    refused(&[&chunks[0], &chunks[1], last, last], 2);
}

#[test]
fn every_flipped_bit_of_a_short_payload_is_refused_and_nothing_is_released() {
    let (sealed, prefix) = seal(Suite::ChaCha20Poly1305, b"secret");
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let opener = PayloadOpener::new(Suite::ChaCha20Poly1305, &key(), CONTEXT, &prefix).unwrap();
        let mut place = [0; 6];
        assert_eq!(opener.open_last(&altered, &mut place), Err(Error::ChunkAltered { index: 0 }));
        assert_eq!(place, [0; 6]);
    }
}

#[test]
fn an_opener_that_failed_keeps_failing() {
    let (sealed, prefix) = seal(Suite::Aes256Gcm, &plaintext(2 * CHUNK_LENGTH));
    let mut opener = PayloadOpener::new(Suite::Aes256Gcm, &key(), CONTEXT, &prefix).unwrap();
    let mut place = vec![0; 2 * CHUNK_LENGTH];
    let second = &sealed[SEALED_CHUNK_LENGTH..2 * SEALED_CHUNK_LENGTH];
    for window in [second, second, &sealed[..SEALED_CHUNK_LENGTH]] {
        assert_eq!(opener.open_window(window, &mut place), Err(Error::ChunkAltered { index: 0 }));
    }
    assert_eq!(
        opener.open_last(&sealed[2 * SEALED_CHUNK_LENGTH..], &mut place),
        Err(Error::ChunkAltered { index: 0 })
    );
}

#[test]
fn pieces_and_buffers_of_a_wrong_size_are_refused() {
    let (mut sealer, prefix) =
        PayloadSealer::new(Suite::Aes256Gcm, &key(), CONTEXT, &mut UnwrapErr(SysRng)).unwrap();
    let mut opener = PayloadOpener::new(Suite::Aes256Gcm, &key(), CONTEXT, &prefix).unwrap();
    let short = &mut [0; 100];
    let pieces = Error::NotWholeChunks { length: 7, chunk: CHUNK_LENGTH };
    assert_eq!(sealer.seal_window(&[0; 7], short), Err(pieces));
    let pieces = Error::NotWholeChunks { length: 7, chunk: SEALED_CHUNK_LENGTH };
    assert_eq!(opener.open_window(&[0; 7], short), Err(pieces));
    let needed = SEALED_CHUNK_LENGTH;
    assert_eq!(
        sealer.seal_window(&[0; CHUNK_LENGTH], short),
        Err(Error::BufferTooSmall { needed, actual: 100 })
    );
    let needed = CHUNK_LENGTH;
    assert_eq!(
        opener.open_window(&[0; SEALED_CHUNK_LENGTH], short),
        Err(Error::BufferTooSmall { needed, actual: 100 })
    );
    let (mut sealed, mut opened) = (vec![0; SEALED_CHUNK_LENGTH], vec![0; CHUNK_LENGTH]);
    assert_eq!(sealer.seal_window(&[7; CHUNK_LENGTH], &mut sealed), Ok(SEALED_CHUNK_LENGTH));
    assert_eq!(opener.open_window(&sealed, &mut opened), Ok(CHUNK_LENGTH), "nothing was read before");
    assert_eq!(opened, [7; CHUNK_LENGTH]);
}

#[test]
fn a_payload_has_at_most_two_to_the_38_chunks() {
    let (chunks, _) = Chunks::derive(Suite::Aes256Gcm, &key(), &[0; 24], CONTEXT).unwrap();
    let mut sealer = PayloadSealer(Chunks { next: MAX_CHUNKS - 1, ..chunks });
    let place = &mut [0; SEALED_CHUNK_LENGTH];
    assert_eq!(sealer.seal_window(&[0; CHUNK_LENGTH], place), Ok(SEALED_CHUNK_LENGTH));
    assert_eq!(sealer.seal_window(&[0; CHUNK_LENGTH], place), Err(Error::TooLong));
    assert_eq!(sealer.seal_last(&[], place), Err(Error::TooLong));
}
