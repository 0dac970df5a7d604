//! Keys in text.

use cape_core::encoding::hex;
use cape_core::envelope::{Error, PrivateKey, PublicKey};

use crate::files::{Vector, read};

#[test]
fn each_is_read_or_refused_as_it_says() {
    for vector in read("keys", 89) {
        let verdict = match vector.text("kind") {
            "public" => PublicKey::from_text(vector.text("text")).map(|key| public_is_as_said(&key, &vector)),
            _ => PrivateKey::from_text(vector.text("text")).map(|key| private_is_as_said(&key, &vector)),
        };
        match verdict {
            Err(Error::RsaUnavailable) => assert!(vector.name.contains("rsa"), "{}", vector.name),
            verdict => {
                let refused = verdict.as_ref().err().map(|error| error.code().name());
                assert_eq!(refused, vector.error(), "{}: {verdict:?}", vector.name);
            }
        }
    }
}

fn public_is_as_said(key: &PublicKey, vector: &Vector) {
    if vector.error().is_none() {
        assert_eq!(key.to_text(), vector.text("text"), "{}", vector.name);
        assert_eq!(u64::from(key.key_type().id()), vector.number("type"), "{}", vector.name);
        assert_eq!(hex::encode(key.as_raw()), vector.text("key"), "{}", vector.name);
        assert_eq!(key.key_id().to_string(), vector.text("key_id"), "{}", vector.name);
        assert_eq!(key.fingerprint().to_string(), vector.text("fingerprint"), "{}", vector.name);
    }
}

fn private_is_as_said(key: &PrivateKey, vector: &Vector) {
    if vector.error().is_none() {
        assert_eq!(*key.to_text(), vector.text("text"), "{}", vector.name);
        assert_eq!(hex::encode(key.expose_raw()), vector.text("key"), "{}", vector.name);
        assert_eq!(key.public_key().to_text(), vector.text("public_key"), "{}", vector.name);
    }
}
