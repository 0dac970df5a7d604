//! The envelopes of `tests/vectors/envelope2.json`, made by an independent implementation.

use std::fs;

use cape_core::crypto::sha256;
use cape_core::encoding::{base64url, hex};
use cape_core::envelope::{self, Error, KeyType, PrivateKey, PublicKey, Suite, TEXT_PREFIX};
#[cfg(feature = "aws-lc")]
use cape_core::envelope::{Context, SealOptions};
use serde_json::Value;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/envelope2.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn bytes(value: &Value, key: &str) -> Vec<u8> {
    hex::decode(text(value, key)).unwrap()
}

/// Names of the kinds of keys that this build has, and the fields of their halves.
fn kinds() -> &'static [(&'static str, &'static str, &'static str)] {
    let kinds = &[
        ("x25519", "private", "public"),
        ("xwing", "seed", "public"),
        ("rsa", "private_pkcs8", "public_spki"),
    ];
    if cfg!(feature = "aws-lc") { kinds } else { &kinds[..2] }
}

fn private_key(vectors: &Value, name: &str) -> PrivateKey {
    let (_, field, _) = kinds().iter().find(|kind| kind.0 == name).unwrap();
    PrivateKey::from_raw(KeyType::from_name(name).unwrap(), &bytes(&vectors["keys"][name], field)).unwrap()
}

/// Each case with the private keys of those of its recipients whose kind this build has.
fn cases(vectors: &Value) -> Vec<(&Value, Vec<PrivateKey>)> {
    let has = |name: &str| kinds().iter().any(|kind| kind.0 == name);
    let cases: Vec<_> = vectors["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            let recipients = case["recipients"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            (case, recipients.filter(|name| has(name)).map(|name| private_key(vectors, name)).collect())
        })
        .collect();
    assert_eq!(cases.len(), 15);
    cases
}

#[test]
fn keys_and_key_ids() {
    let vectors = vectors();
    for (name, _, public) in kinds() {
        let key = private_key(&vectors, name);
        let public = bytes(&vectors["keys"][name], public);
        assert_eq!(key.public_key().as_raw(), public, "{name}");
        assert_eq!(key.public_key().key_id().to_string(), text(&vectors["keys"][name], "key_id"));
        let key_type = KeyType::from_name(name).unwrap();
        assert_eq!(&PublicKey::from_raw(key_type, &public).unwrap(), key.public_key());
    }
}

#[test]
fn every_recipient_opens_both_forms() {
    let vectors = vectors();
    let mut opened = 0;
    for (case, keys) in cases(&vectors) {
        let sealed_text = text(case, "text").as_bytes();
        let binary = base64url::decode(&sealed_text[TEXT_PREFIX.len()..]).unwrap();
        for key in &keys {
            for sealed in [sealed_text, &binary] {
                let result = envelope::open(sealed, &[key], &bytes(case, "aad")).unwrap();
                assert_eq!(result.plaintext.len() as u64, case["size"].as_u64().unwrap());
                assert_eq!(hex::encode(&sha256(&[&result.plaintext])), text(case, "plaintext_sha256"));
                let context: Vec<_> = case["context"].as_object().unwrap().iter().collect();
                assert_eq!(result.context.iter().count(), context.len());
                for (key, value) in context {
                    assert_eq!(result.context.get(key), Some(value.as_str().unwrap().as_bytes()));
                }
                opened += 1;
            }
        }
    }
    assert_eq!(opened, if cfg!(feature = "aws-lc") { 2 * 17 } else { 2 * 15 });
}

#[test]
fn headers_are_inspected_without_keys() {
    let vectors = vectors();
    for (case, _) in cases(&vectors) {
        let sealed_text = text(case, "text").as_bytes();
        let binary = base64url::decode(&sealed_text[TEXT_PREFIX.len()..]).unwrap();
        let header = envelope::inspect(&binary).unwrap();
        assert_eq!(envelope::inspect(sealed_text), Ok(header.clone()));
        assert_eq!(header.version, 2);
        assert_eq!(Some(header.suite), Suite::from_id(case["suite"].as_u64().unwrap() as u8));
        assert_eq!(header.plaintext_length.unwrap() as u64, case["size"].as_u64().unwrap());
        assert_eq!(header.sealed_length, binary.len());
        let recipients = header.stanzas.iter().map(|stanza| {
            let name = KeyType::from_id(stanza.key_type).unwrap().name();
            assert_eq!(stanza.key_id.to_string(), text(&vectors["keys"][name], "key_id"));
            name
        });
        assert!(recipients.eq(case["recipients"].as_array().unwrap()));
    }
}

#[cfg(feature = "aws-lc")]
#[test]
fn sealed_for_rsa_opens_and_tells_nothing_when_it_does_not() {
    let key = private_key(&vectors(), "rsa");
    let (none, options) = (Context::empty(), SealOptions::default());
    let rng = &mut rand_core::UnwrapErr(getrandom::SysRng);
    let sealed = envelope::seal(b"secret", &[key.public_key()], &none, b"", options, rng).unwrap();
    assert_eq!(sealed.len(), envelope::sealed_size(6, &[key.public_key()], &none).unwrap());
    assert_eq!(envelope::open(&sealed, &[&key], b"").unwrap().plaintext, b"secret");

    let modulus = 16 + 12..16 + 12 + 256;
    for position in modulus {
        let mut altered = sealed.clone();
        altered[position] ^= 1;
        assert_eq!(envelope::open(&altered, &[&key], b"").err(), Some(Error::DecryptFailed));
    }
}

#[cfg(not(feature = "aws-lc"))]
#[test]
fn without_rsa_its_stanzas_are_nobodys_and_its_keys_refused() {
    let vectors = vectors();
    let (case, _) = cases(&vectors).into_iter().find(|(case, _)| case["name"] == "rsa-100").unwrap();
    let x25519 = private_key(&vectors, "x25519");
    let opened = envelope::open(text(case, "text").as_bytes(), &[&x25519], b"");
    assert_eq!(opened.err(), Some(Error::NotARecipient { recipients: 1 }));
    let public = bytes(&vectors["keys"]["rsa"], "public_spki");
    assert_eq!(PublicKey::from_raw(KeyType::Rsa, &public).err(), Some(Error::RsaUnavailable));
}
