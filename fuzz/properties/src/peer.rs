//! A peer that has a session's keys and keeps none of its rules (docs/spec/session.md, "Frames").

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Frames of the input: type, call, length (two bytes), content; the last one may be cut.
pub(crate) fn frames(input: &[u8]) -> impl Iterator<Item = (u8, u8, &[u8])> {
    let mut rest = input;
    std::iter::from_fn(move || {
        let (&[kind, call, l1, l2], content) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([l1, l2])).min(content.len());
        let (content, after) = content.split_at(length);
        rest = after;
        Some((kind, call, content))
    })
}

/// The input for such frames.
pub(crate) fn input(frames: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let frame = |(kind, call, content): &(u8, u8, &[u8])| {
        let [l1, l2] = u16::try_from(content.len()).expect("a short content").to_be_bytes();
        [&[*kind, *call, l1, l2], *content].concat()
    };
    frames.iter().flat_map(frame).collect()
}

pub(crate) struct Peer {
    key: LessSafeKey,
    iv: Vec<u8>,
    counter: u64,
}

impl Peer {
    /// Seals in one direction, from the frame with that counter on.
    pub(crate) fn new(key: &[u8], iv: &[u8], counter: u64) -> Self {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key"));
        Self { key, iv: iv.to_vec(), counter }
    }

    pub(crate) fn seal(&mut self, kind: u8, call: u8, content: &[u8]) -> Vec<u8> {
        let header = [kind, 0, 0, 0, 0, 0, 0, call];
        let mut nonce: [u8; 12] = self.iv.as_slice().try_into().expect("an iv");
        nonce[4..].iter_mut().zip(self.counter.to_be_bytes()).for_each(|(byte, counter)| *byte ^= counter);
        self.counter += 1;
        let mut sealed = content.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut sealed)
            .expect("a short frame");
        [&header, sealed.as_slice()].concat()
    }
}
