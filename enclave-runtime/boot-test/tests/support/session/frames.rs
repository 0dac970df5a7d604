//! The sealed frames of one direction (docs/spec/session.md, frames).

use cape_core::crypto::Exporter;
use cape_core::crypto::provider::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

const HEADER: usize = 8;

pub(crate) struct Direction {
    key: LessSafeKey,
    iv: [u8; 12],
    count: u64,
}

impl Direction {
    /// `name` is `c2e` or `e2c`.
    pub(crate) fn new(exporter: &Exporter, name: &str) -> Self {
        let key = exporter.export::<32>(format!("{name} key").as_bytes());
        let iv = exporter.export::<12>(format!("{name} iv").as_bytes());
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).unwrap());
        Self { key, iv: *iv.expose(), count: 0 }
    }

    pub(crate) fn seal(&mut self, frame: u8, call: u32, content: &[u8]) -> Vec<u8> {
        let [a, b, c, d] = call.to_be_bytes();
        let head = [frame, 0, 0, 0, a, b, c, d];
        let mut body = content.to_vec();
        let nonce = self.nonce();
        self.key.seal_in_place_append_tag(nonce, Aad::from(head), &mut body).unwrap();
        [&head[..], &body].concat()
    }

    /// A frame's type, call and content.
    pub(crate) fn open(&mut self, mut message: Vec<u8>) -> (u8, u32, Vec<u8>) {
        let (head, body) = message.split_first_chunk_mut::<HEADER>().unwrap();
        let nonce = self.nonce();
        let content = self.key.open_in_place(nonce, Aad::from(*head), body).unwrap().to_vec();
        (head[0], u32::from_be_bytes(*head.last_chunk().unwrap()), content)
    }

    fn nonce(&mut self) -> Nonce {
        let mut nonce = self.iv;
        for (byte, count) in nonce[4..].iter_mut().zip(self.count.to_be_bytes()) {
            *byte ^= count;
        }
        self.count += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}
