//! Texts of keys and ids, and raw keys: each has one form, and a key that is taken works.

use std::fmt::Display;
use std::str::FromStr;

use cape_core::encoding::{base58, base64url, hex};
use cape_core::envelope::{Context, KeyType, PrivateKey, PublicKey, SealOptions, open, seal};
use cape_core::identity::{Account, AccountId, Checksum, FunctionId};

use crate::random::Scripted;
use crate::vectors;

const KINDS: [KeyType; 3] = [KeyType::X25519, KeyType::XWing, KeyType::Rsa];

/// The first byte says what the rest is: a text, or a raw key of some kind.
pub(crate) fn check(input: &[u8]) {
    let Some((&kind, rest)) = input.split_first() else { return };
    match KINDS.get(usize::from(kind)) {
        Some(kind) => check_raw(*kind, rest),
        None => str::from_utf8(rest).into_iter().for_each(check_text),
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let halves = [("x25519", "private", "public"), ("xwing", "seed", "public")];
    for (kind, (name, private, public)) in
        halves.into_iter().chain([("rsa", "private_pkcs8", "public_spki")]).enumerate()
    {
        let (private, public) = (vectors::key(name, private), vectors::key(name, public));
        let texts = [
            PrivateKey::from_raw(KINDS[kind], &private).expect("a key").to_text().to_string(),
            PublicKey::from_raw(KINDS[kind], &public).expect("a key").to_text(),
        ];
        seeds.extend(texts.map(|text| [b"t", text.as_bytes()].concat()));
        seeds.extend([private, public].map(|raw| [&[kind as u8], raw.as_slice()].concat()));
    }
    let texts = ["account_id", "checksum", "function_id"].map(vectors::statement);
    seeds.extend(texts.map(|text| [b"t", text.as_bytes()].concat()));
    seeds.push(b"tYWJj".to_vec());
    seeds
}

fn check_text(text: &str) {
    if let Ok(key) = PublicKey::from_text(text) {
        assert_eq!(key.to_text(), text);
    }
    if let Ok(key) = PrivateKey::from_text(text) {
        assert_eq!(*key.to_text(), text);
    }
    if let Ok(account) = Account::from_text(text) {
        assert_eq!(*account.to_text(), text.trim());
    }
    has_one_form::<AccountId>(text);
    has_one_form::<Checksum>(text);
    has_one_form::<FunctionId>(text);
    if let Some(bytes) = hex::decode(text) {
        assert_eq!(hex::encode(&bytes), text);
    }
    if let Some(bytes) = base64url::decode(text.as_bytes()) {
        assert_eq!(base64url::encode(&bytes), text);
    }
    // Decoding takes time that grows with the square of the length; callers bound it.
    if let Some(bytes) = (text.len() <= 64).then(|| base58::decode(text)).flatten() {
        assert_eq!(base58::encode(&bytes), text);
    }
}

fn has_one_form<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

fn check_raw(kind: KeyType, raw: &[u8]) {
    if let Ok(key) = PublicKey::from_raw(kind, raw) {
        assert_eq!(key.as_raw(), raw);
        assert_eq!(PublicKey::from_text(&key.to_text()).as_ref(), Ok(&key));
        seal_for(&key);
    }
    if let Ok(key) = PrivateKey::from_raw(kind, raw) {
        // PKCS#8 can be written in more than one way; it is kept in one.
        let again = PrivateKey::from_raw(kind, key.expose_raw()).expect("what is kept is a key");
        assert_eq!(again.expose_raw(), key.expose_raw());
        let opened = open(&seal_for(key.public_key()), &[&key], b"").map(|opened| opened.plaintext);
        assert_eq!(opened, Ok(b"hello".to_vec()));
    }
}

fn seal_for(key: &PublicKey) -> Vec<u8> {
    let rng = &mut Scripted::new(Vec::new());
    seal(b"hello", &[key], &Context::empty(), b"", SealOptions::default(), rng).expect("the key works")
}
