//! Version 1: `tests/first_system` has the first system's own implementation judge it.

use cape_core::ErrorCode;
use cape_core::envelope::{Error, Truncation, inspect, open, open_text_with, seal_version_one};

use super::forge::{key, rng};

/// As long as the shortest there is, with RSA-2048 and without plaintext.
fn shortest() -> String {
    format!("cape:{}", "A".repeat(376 + 3) + "=")
}

#[test]
fn keys_of_another_kind_do_not_open_it() {
    let refused = open(shortest().as_bytes(), &[&key(1)], b"").err();
    assert_eq!(refused, Some(Error::VersionOneWantsRsa));
    assert_eq!(Error::VersionOneWantsRsa.code(), ErrorCode::UnsupportedFormat);
    let sealed = seal_version_one(b"x", key(1).public_key(), &mut rng());
    assert_eq!(sealed.err().map(|error| error.code()), Some(ErrorCode::KeyInvalid));
}

#[test]
fn enclaves_do_not_open_it() {
    let refused = open_text_with(shortest().as_bytes(), &[&key(1)], |_| Ok(())).err();
    assert_eq!(refused, Some(Error::UnsupportedVersion { version: 1 }));
}

#[test]
fn what_it_says_in_the_clear() {
    let header = inspect(shortest().as_bytes()).unwrap();
    assert_eq!((header.version, header.sealed_length), (1, 284));
    assert_eq!((header.header_length, header.plaintext_length), (None, None));
    assert!(header.stanzas.len() == 1 && header.stanzas[0].key_id.is_anonymous());
    let cut = inspect(&shortest().as_bytes()[..5 + 376]).err();
    assert_eq!(cut, Some(Truncation::VersionOne.into()));
    for other in ["cape:AAA", "cape:AA-_", "cape:A A=", "cape:AAAA\n"] {
        let refused = inspect(other.as_bytes()).err().map(|error| error.code());
        assert_eq!(refused, Some(ErrorCode::UnsupportedFormat), "{other:?}");
    }
}

#[cfg(feature = "aws-lc")]
mod with_rsa {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
    use cape_core::envelope::{Defect, KeyType, PrivateKey};

    use super::*;

    fn rsa_key(size: KeySize) -> PrivateKey {
        let generated = PrivateDecryptingKey::generate(size).unwrap();
        let pkcs8: Pkcs8V1Der<'_> = generated.as_der().unwrap();
        PrivateKey::from_raw(KeyType::Rsa, pkcs8.as_ref()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_and_nothing_else_does() {
        let (rsa, longer) = (rsa_key(KeySize::Rsa2048), rsa_key(KeySize::Rsa3072));
        for size in [0, 1, 40_000] {
            let plaintext = vec![7; size];
            for key in [&rsa, &longer] {
                let sealed = seal_version_one(&plaintext, key.public_key(), &mut rng()).unwrap();
                // Whatever other keys are tried before.
                let opened = open(&sealed, &[&longer, &super::key(1), &rsa], b"").unwrap();
                assert_eq!(opened.plaintext, plaintext);
                assert_eq!(
                    open(&sealed, &[&rsa_key(KeySize::Rsa2048)], b"").err(),
                    Some(Error::DecryptFailed)
                );
                assert_eq!(open(&sealed, &[key], b"aad").err(), Some(Error::DecryptFailed));
            }
        }
    }

    #[test]
    fn every_altered_byte_and_every_cut_is_refused() {
        let key = rsa_key(KeySize::Rsa2048);
        let sealed = seal_version_one(b"secret", key.public_key(), &mut rng()).unwrap();
        let refused = |sealed: &[u8]| open(sealed, &[&key], b"").err().unwrap();
        for position in 5..sealed.len() {
            let mut altered = sealed.clone();
            // Of the last letter two bits stand for nothing; in both of these they are zero.
            altered[position] = if altered[position] == b'A' { b'E' } else { b'A' };
            assert_eq!(refused(&altered), Error::DecryptFailed, "{position}");
        }
        let mut not_base64 = sealed.clone();
        not_base64[5] = b'-';
        assert_eq!(refused(&not_base64), Defect::Text.into());
        for length in (8..sealed.len()).filter(|length| length % 4 == 1) {
            let expected =
                if (length - 5) / 4 * 3 < 256 + 28 { ErrorCode::Truncated } else { ErrorCode::DecryptFailed };
            assert_eq!(refused(&sealed[..length]).code(), expected, "{length}");
        }
    }
}
