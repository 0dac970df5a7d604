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

/// The kinds that this build has.
#[cfg(feature = "aws-lc")]
const KINDS: &[KeyType] = &[KeyType::X25519, KeyType::XWing, KeyType::Rsa];
#[cfg(not(feature = "aws-lc"))]
const KINDS: &[KeyType] = &[KeyType::X25519, KeyType::XWing];

/// Any key of a kind; of RSA the one that the vectors have.
fn key_of(kind: KeyType) -> PrivateKey {
    match kind.kem() {
        Some(kem) => key(kem),
        None => {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/envelope/rsa.json");
            let vector: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            PrivateKey::from_text(vector["private_key"].as_str().unwrap()).unwrap()
        }
    }
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
fn several_threads_make_and_read_what_one_does() {
    let (key, plaintext) = (key(Kem::X25519), bytes(600 * CHUNK_LENGTH + 5));
    let (none, recipients) = (Context::empty(), [key.public_key()]);
    for (sealing, opening) in [(1, 3), (3, 1), (2, 2)] {
        let options = SealOptions { threads: sealing, ..SealOptions::default() };
        let mut sealed = seal(&plaintext, &recipients, &none, b"", options, &mut rng()).unwrap();
        let open = |sealed: &[u8]| {
            let mut opened = vec![0; plaintext.len()];
            let opening = Opening::begin(sealed, &[&key], b"").unwrap().with_threads(opening);
            opening.open_into(&mut opened).map(|()| opened)
        };
        assert!(open(&sealed).unwrap() == plaintext);
        // Whichever thread finds it.
        let position = sealed.len() - 100_000;
        sealed[position] ^= 1;
        assert_eq!(open(&sealed), Err(Error::ChunkAltered { index: 593 }));
    }
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

    #[test]
    fn every_size_is_foretold_for_every_kind_of_key(
        size in 0_usize..70_000,
        chosen in proptest::sample::subsequence(KINDS.to_vec(), 1..=KINDS.len()),
        suite in prop_oneof![Just(Suite::Aes256Gcm), Just(Suite::ChaCha20Poly1305)],
        note in "[a-z]{0,300}",
        anonymous in any::<bool>(),
    ) {
        let keys: Vec<_> = chosen.iter().map(|kind| key_of(*kind)).collect();
        let recipients: Vec<_> = keys.iter().map(PrivateKey::public_key).collect();
        let context = Context::new([("note", note)]).unwrap();
        let options = SealOptions { suite, anonymous, ..SealOptions::default() };
        let sealed = seal(&bytes(size), &recipients, &context, b"", options, &mut rng()).unwrap();
        prop_assert_eq!(Ok(sealed.len()), sealed_size(size, &recipients, &context));
        let text = seal_text(&bytes(size), &recipients, &context, b"", options, &mut rng()).unwrap();
        prop_assert_eq!(Ok(text.len()), sealed_text_size(size, &recipients, &context));
        for sealed in [&sealed[..], text.as_bytes()] {
            let header = inspect(sealed).unwrap();
            prop_assert_eq!(header.plaintext_length, Some(size));
        }
    }
}

proptest! {
    // Large enough for several threads, so fewer.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_windows_threads_and_ranges(
        size in 0_usize..5_000_000,
        window in 1_usize..200,
        threads in 1_usize..4,
        suite in prop_oneof![Just(Suite::Aes256Gcm), Just(Suite::ChaCha20Poly1305)],
        begin in any::<prop::sample::Index>(),
        count in 1_usize..10,
    ) {
        let (key, plaintext) = (key(Kem::X25519), bytes(size));
        let options = SealOptions { suite, threads, ..SealOptions::default() };
        let (context, aad) = (Context::empty(), b"aad");
        let (mut sealed, mut sealer) =
            begin_seal(&[key.public_key()], &context, aad, options, &mut rng()).unwrap();
        let head = sealed.len();
        let mut rest = &plaintext[..];
        let mut place = vec![0; window * SEALED_CHUNK_LENGTH];
        while let Some((next, after)) = rest.split_at_checked(window * CHUNK_LENGTH) {
            let written = sealer.seal_window(next, &mut place).unwrap();
            sealed.extend(&place[..written]);
            rest = after;
        }
        let written = sealer.seal_last(rest, &mut place).unwrap();
        sealed.extend(&place[..written]);

        let foretold = sealed_size(size, &[key.public_key()], &context).unwrap();
        prop_assert_eq!((sealed.len(), head_length(&sealed)), (foretold, Ok(head)));
        let mut opened = vec![0; size];
        Opening::begin(&sealed, &[&key], aad).unwrap().with_threads(threads).open_into(&mut opened).unwrap();
        prop_assert!(opened == plaintext);

        let (_, opener) = begin_open(&sealed[..head], &[&key], aad).unwrap();
        let chunks: Vec<_> = sealed[head..].chunks(SEALED_CHUNK_LENGTH).collect();
        let length = (sealed.len() - head) as u64;
        let payload = RandomAccess::new(opener.with_threads(threads), length, chunks[chunks.len() - 1]).unwrap();
        prop_assert_eq!(payload.plaintext_length(), size as u64);
        let first = begin.index(chunks.len());
        let range = &chunks[first..chunks.len().min(first + count)];
        let written = payload.open(first as u64, &range.concat(), &mut opened).unwrap();
        prop_assert!(plaintext[first * CHUNK_LENGTH..].starts_with(&opened[..written]));
        prop_assert!(payload.open(first as u64 + 1, &range.concat(), &mut opened).is_err());
    }
}
