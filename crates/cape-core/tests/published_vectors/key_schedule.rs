//! The key schedule of HPKE, written out: the published vectors name its values, and no library shows
//! them.

use cape_core::crypto::provider::aead;
use cape_core::crypto::{Kem, hmac_sha256};

pub(crate) const HKDF_SHA256: u16 = 1;
pub(crate) const CHACHA20_POLY1305: u16 = 3;
pub(crate) const EXPORT_ONLY: u16 = 0xffff;

/// RFC 9180, section 5.1, in base mode with HKDF-SHA256.
pub(crate) struct KeySchedule {
    suite_id: Vec<u8>,
    pub(crate) key: [u8; 32],
    pub(crate) base_nonce: [u8; 12],
    pub(crate) exporter_secret: [u8; 32],
}

impl KeySchedule {
    pub(crate) fn new(kem: Kem, aead_id: u16, shared_secret: &[u8], info: &[u8]) -> Self {
        let numbers = [kem.id(), HKDF_SHA256, aead_id].map(u16::to_be_bytes);
        let suite_id = [b"HPKE", numbers.as_flattened()].concat();
        let extract = |salt: &[u8], label: &[u8], input_key: &[u8]| {
            hmac_sha256(salt, &[b"HPKE-v1", &suite_id, label, input_key])
        };
        let context =
            [&[0][..], &extract(b"", b"psk_id_hash", b""), &extract(b"", b"info_hash", info)].concat();
        let secret = extract(shared_secret, b"secret", b"");
        let expand = |label: &[u8], length| labeled_expand(&suite_id, &secret, label, &context, length);
        Self {
            key: expand(b"key", 32),
            base_nonce: *expand(b"base_nonce", 12).first_chunk().unwrap(),
            exporter_secret: expand(b"exp", 32),
            suite_id,
        }
    }

    pub(crate) fn export(&self, exporter_context: &[u8]) -> [u8; 32] {
        labeled_expand(&self.suite_id, &self.exporter_secret, b"sec", exporter_context, 32)
    }

    pub(crate) fn seal(&self, plaintext: &[u8]) -> Vec<u8> {
        let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, &self.key).unwrap();
        let nonce = aead::Nonce::assume_unique_for_key(self.base_nonce);
        let mut sealed = plaintext.to_vec();
        aead::LessSafeKey::new(key).seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut sealed).unwrap();
        sealed
    }
}

/// One block of LabeledExpand (RFC 9180, section 4).
fn labeled_expand(suite_id: &[u8], key: &[u8], label: &[u8], info: &[u8], length: u16) -> [u8; 32] {
    hmac_sha256(key, &[&length.to_be_bytes(), b"HPKE-v1", suite_id, label, info, &[1]])
}

/// The shared secret of DHKEM(X25519, HKDF-SHA256) for a result of X25519 (RFC 9180, section 4.1).
pub(crate) fn dhkem_shared_secret(dh: &[u8], encapsulated: &[u8], public_key: &[u8]) -> [u8; 32] {
    let suite_id = [b"KEM".as_slice(), &Kem::X25519.id().to_be_bytes()].concat();
    let key = hmac_sha256(b"", &[b"HPKE-v1", &suite_id, b"eae_prk", dh]);
    labeled_expand(&suite_id, &key, b"shared_secret", &[encapsulated, public_key].concat(), 32)
}
