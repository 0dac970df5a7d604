use cape_core::ErrorCode;
use cape_core::identity::{Error, Form, Manifest, Signed, StatementType};
use serde_json::{Value, json};

use crate::forge::{account, manifest_payload, manifest_with, other_account, statement};

fn read(payload: &Value) -> Result<Signed<Manifest>, Error> {
    Signed::read(&statement("cape-manifest+jws", &payload.to_string()))
}

#[test]
fn what_may_be_left_out() {
    let manifest = read(&manifest_payload()).unwrap();
    assert_eq!((manifest.min_epoch, manifest.revocation_max_age_s), (0, None));
    for (field, _) in manifest_payload().as_object().unwrap() {
        let mut payload = manifest_payload();
        payload.as_object_mut().unwrap().remove(field);
        assert!(matches!(read(&payload), Err(Error::Malformed { .. })), "{field}");
    }
}

#[test]
fn an_unknown_field() {
    let mut payload = manifest_payload();
    payload["entitlements"] = json!([]);
    let Err(Error::Malformed { form: Form::Payload(reason), .. }) = read(&payload) else { panic!() };
    assert!(reason.contains("unknown field `entitlements`"), "{reason}");
}

#[test]
fn values_that_are_permitted() {
    for (field, values) in [
        ("name", json!(["a", "image-classification", "image_classification", "x".repeat(64)])),
        ("version", json!([1, 9_007_199_254_740_991_u64])),
        ("bundle_size", json!([1, 9_007_199_254_740_991_u64])),
        ("python", json!(["3.0", "3.11", "3.100"])),
        ("handler", json!(["app:cape_handler", "a.b.c:_x9"])),
        ("isolation", json!(["call", "function", "session"])),
        ("memory_mib", json!([1, 1_048_576])),
        ("timeout_s", json!([1, 86_400])),
        ("env", json!([{"A": ""}, {"_a1": "é\n"}])),
        ("min_epoch", json!([0, 1, 4_294_967_280_u32])),
        ("revocation_max_age_s", json!([1, 7_776_000])),
    ] {
        for value in values.as_array().unwrap() {
            manifest_with(field, value.clone());
        }
    }
}

#[test]
fn values_that_are_refused() {
    let many: Value =
        (0..65).map(|number| (format!("A{number}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for (field, values) in [
        ("v", json!([1, 3, "2"])),
        ("account", json!(["bob", ""])),
        (
            "name",
            json!(["", "Echo", "1echo", "-echo", "_echo", "e cho", "écho", "user/echo", "x".repeat(65), 1]),
        ),
        ("version", json!([0, 9_007_199_254_740_992_u64, 1.5, "1"])),
        ("bundle_sha256", json!(["", "3A".repeat(32), "3a".repeat(31), "3a".repeat(33)])),
        ("bundle_size", json!([0])),
        ("python", json!(["", "3", "3.", "3.011", "3.11.2", "2.7", "3.x", "3.1000"])),
        ("platform", json!(["", "X86_64", "linux/amd64", "x".repeat(65)])),
        (
            "handler",
            json!(["", "app", "app:", ":f", "app:f:g", "a b:f", "a..b:f", "/app:f", "1a:f", "a".repeat(129)]),
        ),
        ("isolation", json!(["", "none", "Session", {"session": {}}])),
        ("memory_mib", json!([0, 1_048_577, 4_294_967_808_u64])),
        ("timeout_s", json!([0, 86_401])),
        (
            "env",
            json!([{"": "x"}, {"A=B": "x"}, {"1A": "x"}, {"A": "x\u{0}"}, {"A": 1}, {"A": "x".repeat(16_384)}, many, []]),
        ),
        ("egress", json!(["all", ""])),
        ("min_epoch", json!([4_294_967_281_u32, 4_294_967_296_u64])),
        ("revocation_max_age_s", json!([0, 7_776_001, null])),
    ] {
        for value in values.as_array().unwrap() {
            let mut payload = manifest_payload();
            payload[field] = value.clone();
            let refused = read(&payload);
            assert!(
                matches!(refused, Err(Error::Malformed { .. } | Error::FieldInvalid { .. })),
                "{field}: {value}: {refused:?}"
            );
        }
    }
}

#[test]
fn a_variable_of_the_environment_twice() {
    let twice = manifest_payload().to_string().replace(r#""env":{}"#, r#""env":{"A":"1","A":"2"}"#);
    let refused = Signed::<Manifest>::read(&statement("cape-manifest+jws", &twice));
    assert!(matches!(refused, Err(Error::Malformed { .. })));
}

#[test]
fn what_breaks_a_rule_is_not_signed() {
    let mut manifest = read(&manifest_payload()).unwrap().into_inner();
    manifest.name = "Echo".to_owned();
    let error = Signed::sign(manifest, &account()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ConfigError);
    assert_eq!(
        error.to_string(),
        "cape-manifest+jws not signed: `name` has to be 1 to 64 of a-z, 0-9, - and _, the first a letter"
    );
}

#[test]
fn anothers_manifest_is_not_signed() {
    let manifest = read(&manifest_payload()).unwrap().into_inner();
    let error = Signed::sign(manifest, &other_account()).unwrap_err();
    assert_eq!(
        error,
        Error::WrongAccount {
            statement_type: StatementType::Manifest,
            expected: other_account().id(),
            actual: account().id()
        }
    );
}

#[test]
fn the_checksum_covers_every_octet() {
    let compact = manifest_payload().to_string();
    let spaced = compact.replacen(':', ": ", 1);
    let [compact, spaced] = [compact, spaced]
        .map(|payload| Signed::<Manifest>::read(&statement("cape-manifest+jws", &payload)).unwrap());
    assert_eq!(*compact, *spaced);
    assert_ne!(compact.checksum(), spaced.checksum());
}

#[test]
fn epochs_are_sixteen_from_the_lowest() {
    assert_eq!(manifest_with("min_epoch", json!(0)).epochs(), 0..=15);
    assert_eq!(manifest_with("min_epoch", json!(3)).epochs(), 3..=18);
    assert_eq!(manifest_with("min_epoch", json!(4_294_967_280_u32)).epochs(), 4_294_967_280..=u32::MAX);
}
