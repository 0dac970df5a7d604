//! The encryption context and its use rules, inside an envelope whose key, MAC and commitment hold: its
//! sealer may be hostile, too.

use cape_core::UnixTime;
use cape_core::crypto::{Secret, hkdf_sha512_expand, hmac_sha256, seal, sha256};
use cape_core::encoding::base64url;
use cape_core::envelope::{
    Context, KeyType, PayloadSealer, PrivateKey, PublicKey, Suite, inspect, open_text_with,
};

use crate::random::Scripted;
use crate::vectors;

const PREAMBLE: &[u8] = b"CAPE\x02\x01\x00\x00";
const PLAINTEXT: &[u8] = b"hello";

pub(crate) fn check(input: &[u8]) {
    let Ok(length) = u16::try_from(input.len()) else { return };
    let key = PrivateKey::from_raw(KeyType::X25519, &vectors::key("x25519", "private")).expect("a key");
    let text = format!("cape:2:{}", base64url::encode(&sealed(input, length, key.public_key())));
    let mut judged = None;
    let opened = open_text_with(text.as_bytes(), &[&key], |context| {
        let rules = context.use_rules();
        judged = Some(rules.clone());
        rules?.check(&[7; 32], UnixTime::from_seconds(0))
    });
    match Context::from_bytes(input) {
        Err(error) => {
            assert_eq!(judged, None, "no rules are read from a context without form");
            assert_eq!(opened.err(), Some(error));
        }
        Ok(context) => {
            let pairs: Vec<_> = context.iter().collect();
            let reserved = pairs.iter().any(|(key, _)| key.starts_with("cape."));
            let rules = judged.expect("the rules are judged before anything is opened");
            let written = Context::new(pairs.iter().copied());
            assert_eq!(written.is_ok(), rules.is_ok(), "a sealer writes no rules that no enclave takes");
            assert!(written.is_err() || written.as_ref() == Ok(&context), "a context has one form");
            match opened {
                Ok(opened) => {
                    assert_eq!((opened.plaintext.as_slice(), &opened.context), (PLAINTEXT, &context));
                    let rules = rules.expect("broken rules never open");
                    assert_eq!(reserved, rules.functions().is_some() || rules.not_after().is_some());
                }
                Err(_) => assert!(reserved, "without rules it opens"),
            }
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = vectors::envelopes(4096)
        .iter()
        .map(|sealed| inspect(sealed).expect("a header").context.as_bytes().to_vec())
        .collect();
    let (one, two) = ("07".repeat(32), format!("{} {}", "07".repeat(32), "ab".repeat(32)));
    let not_after = ("cape.not_after", "2027-01-31T12:00:00Z");
    seeds.push(encoded(&[("cape.functions", &one)]));
    seeds.push(encoded(&[("cape.functions", &two), not_after, ("note", "x")]));
    seeds.push(encoded(&[("cape.functions", ""), ("cape.later", "x")]));
    seeds
}

fn encoded(pairs: &[(&str, &str)]) -> Vec<u8> {
    let length = |text: &str| u16::try_from(text.len()).expect("a short text").to_be_bytes();
    let pair = |(key, value): &(&str, &str)| {
        [&length(key), length(value).as_slice(), key.as_bytes(), value.as_bytes()].concat()
    };
    pairs.iter().flat_map(pair).collect()
}

/// An envelope with any context at all, and everything else in order (docs/spec/envelope.md).
fn sealed(context: &[u8], context_length: u16, recipient: &PublicKey) -> Vec<u8> {
    let rng = &mut Scripted::new(Vec::new());
    let file_key = Secret::<32>::random(rng);
    let kind = KeyType::X25519.id().to_be_bytes();
    let kem = KeyType::X25519.kem().expect("a mechanism");
    let public = cape_core::crypto::KemPublicKey::from_bytes(kem, recipient.as_raw()).expect("a key");
    let info = [b"cape/2 wrap", kind.as_slice(), PREAMBLE].concat();
    let (encapsulated, wrapped) = seal(&public, &info, file_key.expose(), rng).expect("a key that works");
    let header_length = 16 + context.len() + 2 + 2 + 8 + encapsulated.len() + wrapped.len() + 32;

    let mut header = PREAMBLE.to_vec();
    header.extend(1_u16.to_be_bytes());
    header.extend(context_length.to_be_bytes());
    header.extend(u32::try_from(header_length).expect("a short header").to_be_bytes());
    header.extend(context);
    header.extend(kind);
    header.extend(u16::try_from(encapsulated.len() + wrapped.len()).expect("a short stanza").to_be_bytes());
    header.extend(recipient.key_id().as_bytes());
    header.extend([encapsulated, wrapped].concat());
    let mac_key = hkdf_sha512_expand::<32>(file_key.expose(), &[b"cape/2 header mac"]);
    header.extend(hmac_sha256(mac_key.expose(), &[&header]));

    let digests = [sha256(&[context]), sha256(&[])];
    let payload_context = [b"cape/2", PREAMBLE, digests.as_flattened()].concat();
    let (sealer, prefix) =
        PayloadSealer::new(Suite::Aes256Gcm, &file_key, &payload_context, rng).expect("a payload");
    let mut chunks = [0; PLAINTEXT.len() + 16];
    sealer.seal_last(PLAINTEXT, &mut chunks).expect("a payload");
    [header, prefix.to_vec(), chunks.to_vec()].concat()
}
