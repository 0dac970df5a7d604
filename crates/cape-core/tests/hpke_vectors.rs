//! HPKE against published vectors (`tests/vectors/hpke.json`).
//!
//! Envelopes seal without associated data and sessions only export, which the published cases do not
//! have for every mechanism. So the key schedule of RFC 9180, section 5.1, stands here too: it must give
//! the published keys, and ours must agree with it.

use std::fs;

use cape_core::crypto::provider::aead;
use cape_core::crypto::{Kem, KemPrivateKey, Secret, hmac_sha256, open, setup_receiver};
use cape_core::encoding::hex;
use serde_json::Value;

const HKDF_SHA256: u16 = 1;
const CHACHA20_POLY1305: u16 = 3;
const EXPORT_ONLY: u16 = 0xffff;

struct Case {
    aead_id: u16,
    kem: Kem,
    private_key: KemPrivateKey,
    json: Value,
}

impl Case {
    fn all() -> Vec<Self> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/hpke.json");
        let mut file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let cases: Vec<_> = file["cases"].as_array_mut().unwrap().drain(..).map(Self::new).collect();
        assert_eq!(cases.len(), 3);
        cases
    }

    fn new(json: Value) -> Self {
        let number = |key: &str| json[key].as_u64().unwrap() as u16;
        assert_eq!(number("kdf_id"), HKDF_SHA256);
        let kem = Kem::from_id(number("kem_id")).unwrap();
        let mut seed = hex::decode_array(json["skRm"].as_str().unwrap()).unwrap();
        let private_key = KemPrivateKey::from_seed(kem, Secret::take(&mut seed));
        Self { aead_id: number("aead_id"), kem, private_key, json }
    }

    fn bytes(&self, key: &str) -> Vec<u8> {
        hex::decode(self.json[key].as_str().unwrap()).unwrap()
    }

    fn key_schedule(&self, aead_id: u16) -> KeySchedule {
        KeySchedule::new(self.kem, aead_id, &self.bytes("shared_secret"), &self.bytes("info"))
    }
}

/// RFC 9180, section 5.1, in base mode with HKDF-SHA256.
struct KeySchedule {
    suite_id: Vec<u8>,
    key: [u8; 32],
    base_nonce: [u8; 12],
    exporter_secret: [u8; 32],
}

impl KeySchedule {
    fn new(kem: Kem, aead_id: u16, shared_secret: &[u8], info: &[u8]) -> Self {
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

    fn export(&self, exporter_context: &[u8]) -> [u8; 32] {
        labeled_expand(&self.suite_id, &self.exporter_secret, b"sec", exporter_context, 32)
    }

    fn seal(&self, plaintext: &[u8]) -> Vec<u8> {
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

#[test]
fn public_keys() {
    for case in Case::all() {
        assert_eq!(case.private_key.public_key().unwrap().as_bytes(), case.bytes("pkRm"));
    }
}

#[test]
fn the_key_schedule_here_gives_the_published_keys() {
    for case in Case::all() {
        let schedule = case.key_schedule(case.aead_id);
        assert_eq!(schedule.exporter_secret.as_slice(), case.bytes("exporter_secret"));
        if case.aead_id == CHACHA20_POLY1305 {
            assert_eq!(schedule.key.as_slice(), case.bytes("key"));
            assert_eq!(schedule.base_nonce.as_slice(), case.bytes("base_nonce"));
        }
        for export in case.json["exports"].as_array().unwrap() {
            let text = |key: &str| hex::decode(export[key].as_str().unwrap()).unwrap();
            assert_eq!(schedule.export(&text("exporter_context")).as_slice(), text("exported_value"));
        }
    }
}

#[test]
fn what_the_published_keys_seal_opens() {
    for case in Case::all() {
        let sealed = case.key_schedule(CHACHA20_POLY1305).seal(&[7; 32]);
        let opened = open::<32>(&case.private_key, &case.bytes("enc"), &case.bytes("info"), &sealed);
        assert_eq!(opened.unwrap().expose(), &[7; 32]);
    }
}

#[test]
fn exports() {
    for case in Case::all() {
        let exporter = setup_receiver(&case.private_key, &case.bytes("enc"), &case.bytes("info")).unwrap();
        for export in case.json["exports"].as_array().unwrap() {
            let text = |key: &str| hex::decode(export[key].as_str().unwrap()).unwrap();
            let exported = exporter.export::<32>(&text("exporter_context"));
            assert_eq!(exported.expose(), &case.key_schedule(EXPORT_ONLY).export(&text("exporter_context")));
            if case.aead_id == EXPORT_ONLY {
                assert_eq!(exported.expose().as_slice(), text("exported_value"));
            }
        }
    }
}
