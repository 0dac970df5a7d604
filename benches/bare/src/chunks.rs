//! AES-256-GCM over chunks of 16 KiB, from one buffer into another that is used again.

use crate::Work;

const CHUNK: usize = 16 * 1024;
const TAG: usize = 16;

/// AWS-LC's, which writes its output elsewhere by itself.
pub(crate) fn aws_lc(size: usize) -> Work {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("32 bytes"));
    let (plaintext, mut sealed) = buffers(size);
    Box::new(move || {
        for (index, (chunk, place)) in pairs(&plaintext, &mut sealed).enumerate() {
            let (ciphertext, tag) = place.split_at_mut(chunk.len());
            let nonce = Nonce::assume_unique_for_key(nonce(index));
            key.seal_out_of_place_scatter(nonce, Aad::empty(), chunk, ciphertext, &[], tag)
                .expect("sizes fit");
        }
    })
}

/// ring's, which works in place: the chunk is copied first.
pub(crate) fn ring(size: usize) -> Work {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("32 bytes"));
    let (plaintext, mut sealed) = buffers(size);
    Box::new(move || {
        for (index, (chunk, place)) in pairs(&plaintext, &mut sealed).enumerate() {
            let (ciphertext, tag) = place.split_at_mut(chunk.len());
            ciphertext.copy_from_slice(chunk);
            let nonce = Nonce::assume_unique_for_key(nonce(index));
            let made = key.seal_in_place_separate_tag(nonce, Aad::empty(), ciphertext).expect("sizes fit");
            tag.copy_from_slice(made.as_ref());
        }
    })
}

fn buffers(size: usize) -> (Vec<u8>, Vec<u8>) {
    let sealed = size + size.div_ceil(CHUNK) * TAG;
    ((0..size).map(|index| (index % 251) as u8).collect(), vec![1; sealed])
}

fn pairs<'a>(plaintext: &'a [u8], sealed: &'a mut [u8]) -> impl Iterator<Item = (&'a [u8], &'a mut [u8])> {
    plaintext.chunks(CHUNK).zip(sealed.chunks_mut(CHUNK + TAG))
}

fn nonce(index: usize) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&(index as u64).to_be_bytes());
    nonce
}
