//! HPKE against published vectors (`tests/vectors/hpke.json`).
//!
//! Envelopes seal without associated data and sessions only export, which the published cases do not
//! have for every mechanism. So the key schedule of RFC 9180, section 5.1, stands here too: it must give
//! the published keys, and ours must agree with it.

use crate::key_schedule::{CHACHA20_POLY1305, EXPORT_ONLY, HKDF_SHA256, KeySchedule};
use cape_core::crypto::{Kem, KemPrivateKey, Secret, open, setup_receiver};
use cape_core::encoding::hex;
use serde_json::Value;

struct Case {
    aead_id: u16,
    kem: Kem,
    private_key: KemPrivateKey,
    json: Value,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut file = crate::vectors("hpke.json");
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
