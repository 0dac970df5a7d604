use cape_core::encoding::bech32m;
use cape_core::envelope::{Context, KeyType, PrivateKey, PublicKey, inspect, open, open_text_with};
use proptest::collection::vec;
use proptest::prelude::*;

use super::forge::{Forge, PLAINTEXT, key, stanza, to_text};

fn read(bytes: &[u8]) {
    let _ = open(bytes, &[&key(1)], b"");
    let _ = open_text_with(bytes, &[&key(1)], |context| context.use_rules().map(|_| ()));
    let _ = inspect(bytes);
    let _ = Context::from_bytes(bytes);
}

fn full() -> Forge {
    let mut forge = Forge::new();
    forge.context = b"\0\x01\0\x01ax\0\x0a\0\x01cape.rulesx".to_vec();
    forge.stanzas.extend([forge.anonymous_stanza_for(&key(2)), stanza(9, [9; 8], b"unknown")]);
    forge
}

proptest! {
    #[test]
    fn on_any_bytes(bytes in vec(any::<u8>(), 0..300)) {
        read(&bytes);
        read(&[b"CAPE\x02\x01\0\0", &bytes[..]].concat());
        read(&[b"cape:", &bytes[..]].concat());
        read(&[b"cape:2:", &bytes[..]].concat());
        read(to_text(&[b"CAPE\x02\x01\0\0\0\x01\0\0", &bytes[..]].concat()).as_bytes());
    }

    #[test]
    fn on_any_keys(bytes in vec(any::<u8>(), 0..300), text in "\\PC{0,100}") {
        for kind in [KeyType::X25519, KeyType::XWing, KeyType::Rsa] {
            let _ = PublicKey::from_raw(kind, &bytes);
            let _ = PrivateKey::from_raw(kind, &bytes);
            let typed = [&kind.id().to_be_bytes()[..], &bytes].concat();
            let _ = PublicKey::from_text(&bech32m::encode("capepk", &typed).unwrap());
            let _ = PrivateKey::from_text(&bech32m::encode("capesk", &typed).unwrap());
        }
        for text in [text.clone(), format!("capepk1{text}"), format!("capesk1{text}")] {
            let _ = PublicKey::from_text(&text);
            let _ = PrivateKey::from_text(&text);
        }
    }

    #[test]
    fn and_nothing_altered_opens(changes in vec((any::<usize>(), any::<u8>()), 1..4), text: bool) {
        let sealed = full().sealed();
        let sealed = if text { to_text(&sealed).into_bytes() } else { sealed };
        let mut altered = sealed.clone();
        for (position, byte) in changes {
            let position = position % altered.len();
            altered[position] = byte;
        }
        read(&altered);
        let opened = open(&altered, &[&key(1)], b"");
        prop_assert_eq!(opened.is_ok_and(|opened| opened.plaintext == PLAINTEXT), altered == sealed);
    }
}
