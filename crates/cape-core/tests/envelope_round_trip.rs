//! What is sealed opens, in every form, for every kind of key, around the boundaries of chunks.

use cape_core::crypto::Kem;
use cape_core::envelope::*;
use getrandom::SysRng;
use proptest::prelude::*;
use rand_core::UnwrapErr;

/// Around the boundaries of chunks, and of the windows of eight in which text is made.
const SIZES: [usize; 12] = [0, 1, 2, 3, 16_383, 16_384, 16_385, 32_767, 32_768, 131_071, 131_072, 200_000];

fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

fn key(kem: Kem) -> PrivateKey {
    PrivateKey::generate(kem, &mut rng())
}

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index * 7 % 251) as u8).collect()
}

fn options(suite: Suite) -> SealOptions {
    SealOptions { suite, ..SealOptions::default() }
}

#[test]
fn both_forms_and_suites_at_every_boundary() {
    let (x25519, xwing) = (key(Kem::X25519), key(Kem::XWing));
    let recipients = [x25519.public_key(), xwing.public_key()];
    let context = Context::new([("note", "grüße")]).unwrap();
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        for size in SIZES {
            let plaintext = bytes(size);
            let sealed = seal(&plaintext, &recipients, &context, b"aad", options(suite), &mut rng()).unwrap();
            assert_eq!(sealed.len(), sealed_size(size, &recipients, &context).unwrap());
            let text =
                seal_text(&plaintext, &recipients, &context, b"aad", options(suite), &mut rng()).unwrap();
            assert_eq!(text.len(), sealed_text_size(size, &recipients, &context).unwrap());
            for sealed in [&sealed, text.as_bytes()] {
                for key in [&x25519, &xwing] {
                    let opened = open(sealed, &[key], b"aad").unwrap();
                    assert!(opened.plaintext == plaintext, "{size}");
                    assert_eq!(opened.context, context);
                }
                let header = inspect(sealed).unwrap();
                assert_eq!((header.suite, header.plaintext_length), (suite, Some(size)));
            }
        }
    }
}

#[test]
fn buffers_may_be_longer_and_not_shorter() {
    let key = key(Kem::X25519);
    let recipients = [key.public_key()];
    let none = Context::empty();
    let seal_binary = |output: &mut [u8]| {
        seal_into(b"secret", &recipients, &none, b"", SealOptions::default(), output, &mut rng())
    };
    let seal_text = |output: &mut [u8]| {
        seal_text_into(b"secret", &recipients, &none, b"", SealOptions::default(), output, &mut rng())
    };
    let binary = sealed_size(6, &recipients, &none).unwrap();
    let text = sealed_text_size(6, &recipients, &none).unwrap();
    let mut buffer = vec![0xee; text + 1];

    assert_eq!(seal_binary(&mut buffer), Ok(binary));
    assert_eq!(open(&buffer[..binary], &[&key], b"").unwrap().plaintext, b"secret");
    assert_eq!(seal_text(&mut buffer), Ok(text));
    assert_eq!(buffer[text], 0xee);
    assert_eq!(open(&buffer[..text], &[&key], b"").unwrap().plaintext, b"secret");

    let short = |needed| Err(Error::BufferTooSmall { needed, actual: needed - 1 });
    assert_eq!(seal_binary(&mut buffer[..binary - 1]), short(binary));
    assert_eq!(seal_text(&mut buffer[..text - 1]), short(text));
}

#[test]
fn thirty_two_recipients_all_open() {
    let keys: Vec<_> = (0..32).map(|_| key(Kem::XWing)).collect();
    let recipients: Vec<_> = keys.iter().map(PrivateKey::public_key).collect();
    let sealed =
        seal(b"secret", &recipients, &Context::empty(), b"", SealOptions::default(), &mut rng()).unwrap();
    for key in &keys {
        assert_eq!(open(&sealed, &[key], b"").unwrap().plaintext, b"secret");
    }
}

#[test]
fn sealing_twice_gives_different_bytes() {
    let key = key(Kem::X25519);
    let seal = || {
        seal(b"x", &[key.public_key()], &Context::empty(), b"", SealOptions::default(), &mut rng()).unwrap()
    };
    assert_ne!(seal(), seal());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_plaintext_context_and_aad(
        plaintext in proptest::collection::vec(any::<u8>(), 0..40_000),
        pairs in proptest::collection::btree_map("[a-z]{0,9}", proptest::collection::vec(any::<u8>(), 0..50), 0..9),
        aad in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let key = key(Kem::X25519);
        let context = Context::new(pairs).unwrap();
        let options = SealOptions::default();
        let sealed = seal(&plaintext, &[key.public_key()], &context, &aad, options, &mut rng()).unwrap();
        let opened = open(&sealed, &[&key], &aad).unwrap();
        prop_assert_eq!(opened.plaintext, plaintext);
        prop_assert_eq!(opened.context, context);
    }
}
