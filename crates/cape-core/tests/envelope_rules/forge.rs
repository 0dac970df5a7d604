use cape_core::crypto::{self, KemPrivateKey, KemPublicKey, Secret, hkdf_sha512_expand, hmac_sha256, sha256};
use cape_core::encoding::base64url;
use cape_core::envelope::{KeyId, KeyType, PayloadSealer, PrivateKey, Suite, payload_length};
use getrandom::SysRng;
use rand_core::UnwrapErr;

pub(crate) const PLAINTEXT: &[u8] = b"secret";

pub(crate) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// A key that depends on `number` only.
pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_raw(KeyType::X25519, &[number; 32]).unwrap()
}

/// Hands out each of so many bits in turn, with the bytes that differ in it.
pub(crate) fn flip_each_bit(
    bytes: &[u8],
    range: core::ops::Range<usize>,
    mut judge: impl FnMut(usize, &[u8]),
) {
    for bit in range.start * 8..range.end * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        judge(bit, &flipped);
    }
}

pub(crate) fn to_text(sealed: &[u8]) -> String {
    format!("cape:2:{}", base64url::encode(sealed))
}

/// An envelope to be, written from the specification by hand; what is not set is in order.
pub(crate) struct Forge {
    pub(crate) version: u8,
    pub(crate) suite: u8,
    pub(crate) flags: u16,
    pub(crate) count: Option<u16>,
    pub(crate) context_length: Option<u16>,
    pub(crate) header_length: Option<u32>,
    pub(crate) context: Vec<u8>,
    pub(crate) stanzas: Vec<Vec<u8>>,
    /// Bytes between stanzas and MAC.
    pub(crate) surplus: Vec<u8>,
    pub(crate) plaintext: Vec<u8>,
    pub(crate) mac_key: [u8; 32],
    pub(crate) payload_key: [u8; 32],
    /// Whether the payload is bound to another encryption context.
    pub(crate) payload_of_another: bool,
}

pub(crate) const FILE_KEY: [u8; 32] = [0x77; 32];

impl Forge {
    /// An envelope for `key(1)`.
    pub(crate) fn new() -> Self {
        let mut forge = Self {
            version: 2,
            suite: 1,
            flags: 0,
            count: None,
            context_length: None,
            header_length: None,
            context: Vec::new(),
            stanzas: Vec::new(),
            surplus: Vec::new(),
            plaintext: PLAINTEXT.to_vec(),
            mac_key: FILE_KEY,
            payload_key: FILE_KEY,
            payload_of_another: false,
        };
        forge.stanzas.push(forge.stanza_for(&key(1)));
        forge
    }

    pub(crate) fn with(change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut forge = Self::new();
        change(&mut forge);
        forge.sealed()
    }

    /// The stanza that wraps the file key for a key.
    pub(crate) fn stanza_for(&self, key: &PrivateKey) -> Vec<u8> {
        self.stanza_named(key, *key.public_key().key_id().as_bytes())
    }

    pub(crate) fn anonymous_stanza_for(&self, key: &PrivateKey) -> Vec<u8> {
        self.stanza_named(key, *KeyId::ANONYMOUS.as_bytes())
    }

    pub(crate) fn stanza_named(&self, key: &PrivateKey, key_id: [u8; 8]) -> Vec<u8> {
        stanza(KeyType::X25519.id(), key_id, &wrap(key, &FILE_KEY, &self.preamble()))
    }

    pub(crate) fn preamble(&self) -> Vec<u8> {
        [b"CAPE".as_slice(), &[self.version, self.suite], &self.flags.to_be_bytes()].concat()
    }

    pub(crate) fn header(&self) -> Vec<u8> {
        let stanzas = self.stanzas.concat();
        let length = 16 + self.context.len() + stanzas.len() + self.surplus.len() + 32;
        let mut header = self.preamble();
        header.extend(self.count.unwrap_or(self.stanzas.len() as u16).to_be_bytes());
        header.extend(self.context_length.unwrap_or(self.context.len() as u16).to_be_bytes());
        header.extend(self.header_length.unwrap_or(length as u32).to_be_bytes());
        header.extend([&self.context[..], &stanzas, &self.surplus].concat());
        let mac_key = hkdf_sha512_expand::<32>(&self.mac_key, &[b"cape/2 header mac"]);
        header.extend(hmac_sha256(mac_key.expose(), &[&header]));
        header
    }

    pub(crate) fn sealed(&self) -> Vec<u8> {
        let context: &[u8] = if self.payload_of_another { b"\0\x01\0\0a" } else { &self.context };
        let context = [&b"cape/2"[..], &self.preamble(), &sha256(&[context]), &sha256(&[])].concat();
        let payload_key = Secret::take(&mut self.payload_key.clone());
        let suite = Suite::from_id(self.suite).unwrap_or_default();
        let (sealer, prefix) = PayloadSealer::new(suite, &payload_key, &context, &mut rng()).unwrap();
        let mut chunks = vec![0; payload_length(self.plaintext.len()).unwrap() - prefix.len()];
        sealer.seal_last(&self.plaintext, &mut chunks).unwrap();
        [self.header(), prefix.to_vec(), chunks].concat()
    }
}

/// A stanza of any type.
pub(crate) fn stanza(key_type: u16, key_id: [u8; 8], body: &[u8]) -> Vec<u8> {
    [&key_type.to_be_bytes()[..], &(body.len() as u16).to_be_bytes(), &key_id, body].concat()
}

/// The body of an X25519 stanza.
pub(crate) fn wrap(key: &PrivateKey, file_key: &[u8; 32], preamble: &[u8]) -> Vec<u8> {
    let kem = KeyType::X25519.kem().unwrap();
    let recipient = KemPublicKey::from_bytes(kem, key.public_key().as_raw()).unwrap();
    let info = [b"cape/2 wrap", &KeyType::X25519.id().to_be_bytes()[..], preamble].concat();
    let (encapsulated, sealed) = crypto::seal(&recipient, &info, file_key, &mut rng()).unwrap();
    [encapsulated, sealed].concat()
}

/// An X-Wing key that depends on `number` only.
pub(crate) fn xwing_key(number: u8) -> PrivateKey {
    let seed = Secret::take(&mut [number; 32]);
    PrivateKey::from_kem(KemPrivateKey::from_seed(crypto::Kem::XWing, seed)).unwrap()
}
