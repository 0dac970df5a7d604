//! X-Wing against the vectors of its draft (`tests/vectors/xwing.json`).

use cape_core::crypto::{Kem, KemPrivateKey, Secret, setup_receiver};

use crate::key_schedule::{EXPORT_ONLY, KeySchedule};
use crate::{bytes, vectors};

#[test]
fn keys_and_shared_secrets() {
    let file = vectors("xwing.json");
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let mut seed = bytes(&case["sk"]).try_into().unwrap();
        let key = KemPrivateKey::from_seed(Kem::XWing, Secret::take(&mut seed));
        assert_eq!(key.public_key().unwrap().as_bytes(), bytes(&case["pk"]));
        let exporter = setup_receiver(&key, &bytes(&case["ct"]), b"info").unwrap();
        let expected =
            KeySchedule::new(Kem::XWing, EXPORT_ONLY, &bytes(&case["ss"]), b"info").export(b"context");
        assert_eq!(exporter.export::<32>(b"context").expose(), &expected);
    }
    assert_eq!(cases.len(), 3);
}
