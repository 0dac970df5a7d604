//! Envelopes that get another recipient: who is added opens what the others open, and when he goes again the
//! others are who they were.

use std::sync::LazyLock;

use cape_core::envelope::{
    KeyType, PrivateKey, RecipientChange, change_header, change_recipients, header_length, inspect_start,
    open,
};

use crate::random::Scripted;
use crate::{envelope, vectors};

static ADDED: LazyLock<PrivateKey> =
    LazyLock::new(|| PrivateKey::from_raw(KeyType::X25519, &[9; 32]).expect("a key"));

pub(crate) fn check(input: &[u8]) {
    let keys = envelope::keys();
    let add = [ADDED.public_key()];
    let change = RecipientChange { remove: &[], add: &add, anonymous: false };
    let rng = || Scripted::new(Vec::new());
    let Ok(changed) = change_recipients(input, &keys, change, &mut rng()) else { return };
    let is_text = input.starts_with(b"cape:");
    assert_eq!(changed.starts_with(b"cape:"), is_text, "the form stays");
    let plaintext = |sealed: &[u8], keys: &[&PrivateKey]| open(sealed, keys, b"").map(|it| it.plaintext);
    assert_eq!(plaintext(&changed, &[&ADDED]), plaintext(input, &keys));

    let before = inspect_start(input).expect("what was changed can be inspected");
    let remove = [ADDED.public_key().key_id()];
    let change = RecipientChange { remove: &remove, add: &[], anonymous: false };
    let back = change_recipients(&changed, &[&ADDED], change, &mut rng()).expect("who is there can go");
    let after = inspect_start(&back).expect("what was changed can be inspected");
    assert_eq!((after.stanzas, after.context), (before.stanzas, before.context));

    if !is_text {
        let change = RecipientChange { remove: &[], add: &add, anonymous: false };
        let header = change_header(input, &keys, change, &mut rng()).expect("so can the header alone");
        let payload = header_length(input).map(|length| &input[length..]);
        assert_eq!(changed, [&header, payload.expect("a header")].concat());
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vectors::envelopes(2048);
    let text = |sealed: &Vec<u8>| format!("cape:2:{}", cape_core::encoding::base64url::encode(sealed));
    seeds.extend(vectors::envelopes(300).iter().map(|sealed| text(sealed).into_bytes()));
    seeds
}
