//! Envelopes in both forms: what is told of one without a key agrees with what opening it says.

use std::sync::LazyLock;

use cape_core::encoding::base64url;
use cape_core::envelope::{KeyType, Opened, PrivateKey, inspect, inspect_start, open};

use crate::vectors;

static KEYS: LazyLock<Vec<PrivateKey>> = LazyLock::new(|| {
    let raw = [
        (KeyType::X25519, "x25519", "private"),
        (KeyType::XWing, "xwing", "seed"),
        (KeyType::Rsa, "rsa", "private_pkcs8"),
    ];
    let keys = raw.map(|(kind, name, field)| PrivateKey::from_raw(kind, &vectors::key(name, field)));
    let of_version_one = PrivateKey::from_text(&vectors::version_one().1);
    keys.into_iter().chain([of_version_one]).map(|key| key.expect("a key")).collect()
});

/// The keys that published envelopes are sealed for.
pub(crate) fn keys() -> Vec<&'static PrivateKey> {
    KEYS.iter().collect()
}

pub(crate) fn check(input: &[u8]) {
    let keys = keys();
    let opened = open(input, &keys, b"");
    let header = inspect(input);
    if let Ok(header) = &header {
        let start = inspect_start(input).expect("what is told of all is told of its start");
        assert_eq!((&start.stanzas, &start.context), (&header.stanzas, &header.context));
    }
    if let Ok(Opened { plaintext, context }) = &opened {
        let header = header.as_ref().expect("what opens can be inspected");
        // Version 1 does not tell it without a key.
        assert!(header.plaintext_length.is_none_or(|length| length == plaintext.len()));
        assert_eq!(&header.context, context);
    }
    if input.starts_with(b"cape:") {
        return;
    }
    let text = format!("cape:2:{}", base64url::encode(input));
    let of_text = open(text.as_bytes(), &keys, b"");
    assert_eq!(of_text.map(|opened| opened.plaintext), opened.map(|opened| opened.plaintext));
    assert_eq!(inspect(text.as_bytes()), header);
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vectors::envelopes(2048);
    seeds.extend(
        vectors::envelopes(300)
            .iter()
            .map(|sealed| format!("cape:2:{}", base64url::encode(sealed)).into_bytes()),
    );
    seeds.extend(vectors::version_one().0);
    seeds
}
