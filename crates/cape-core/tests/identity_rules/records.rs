//! The smaller statements: name claims, epoch records, revocation lists, requests.

use cape_core::identity::{
    AnyStatement, EpochRecord, Error, NameClaim, Request, RevocationList, Signed, Statement, StatementType,
    is_account_name,
};
use cape_core::{ErrorCode, UnixTime};
use serde_json::{Value, json};

use crate::forge::{IAT, NOW, account, statement, statement_of_other};

fn read<T: Statement>(payload: &Value) -> Result<Signed<T>, Error> {
    Signed::read(&statement(T::TYPE.as_str(), &payload.to_string()))
}

/// All fields are needed, none other is taken, and of these values none.
fn refuses<T: Statement>(sound: &Value, refused: &[(&str, Value)]) {
    assert!(read::<T>(sound).is_ok());
    for field in sound.as_object().unwrap().keys() {
        let mut payload = sound.clone();
        payload.as_object_mut().unwrap().remove(field);
        assert!(read::<T>(&payload).is_err(), "without {field}");
    }
    let unknown = [("unknown", json!(["x"])), ("v", json!([1, 3, "2"]))];
    for (field, values) in refused.iter().chain(&unknown) {
        for value in values.as_array().unwrap() {
            let mut payload = sound.clone();
            payload[*field] = value.clone();
            let error = read::<T>(&payload).err().unwrap_or_else(|| panic!("{field}: {value}"));
            assert_eq!(error.code(), ErrorCode::ProtocolError, "{field}: {value}");
        }
    }
}

#[test]
fn name_claims() {
    let sound = json!({"v": 2, "account": account().id(), "name": "ab-1"});
    let names = json!(["", "ab", "Abc", "1bc", "-bc", "a_b", "a b", "äbc", "x".repeat(33)]);
    refuses::<NameClaim>(&sound, &[("name", names)]);
    assert!(is_account_name(&"x".repeat(32)) && is_account_name("abc"));
    assert!(!is_account_name("cape1ppswj8hsfcxa595acgw8q6z6z"), "an account id that was cut");
}

#[test]
fn epoch_records() {
    let sound = json!({"v": 2, "account": account().id(), "epoch": 1});
    refuses::<EpochRecord>(&sound, &[("epoch", json!([0, 4_294_967_296_u64, -1, "1"]))]);
    let last = json!({"v": 2, "account": account().id(), "epoch": u32::MAX});
    assert_eq!(read::<EpochRecord>(&last).unwrap().epoch, u32::MAX);
}

#[test]
fn revocation_lists() {
    let sound = json!({
        "v": 2, "account": account().id(), "number": 1, "iat": IAT, "jtis": ["a"], "checksums": [],
    });
    refuses::<RevocationList>(
        &sound,
        &[
            ("number", json!([0, 9_007_199_254_740_992_u64])),
            ("iat", json!([-1, "1"])),
            ("jtis", json!([[""], ["a b"], ["x".repeat(65)], [1], {}, "a"])),
            ("checksums", json!([["AB".repeat(32)], ["ab"], "ab"])),
        ],
    );
}

#[test]
fn requests() {
    let sound = json!({
        "v": 2, "account": account().id(), "method": "PUT", "path": "/v2/accounts/x", "iat": IAT,
        "nonce": "0123456789abcdef",
    });
    refuses::<Request>(
        &sound,
        &[
            ("method", json!(["", "put", "P T", "X".repeat(17)])),
            ("path", json!(["", "v2", "/a b", "/ä", "/\n", format!("/{}", "x".repeat(1024))])),
            ("nonce", json!(["", "0123456789abcde", "0123456789abcde+", "x".repeat(129)])),
        ],
    );
    let request = read::<Request>(&sound).unwrap();
    assert_eq!(request.verify("PUT", "/v2/accounts/x", NOW), Ok(()));
    for (method, path) in [("GET", "/v2/accounts/x"), ("PUT", "/v2/accounts/y"), ("PUT", "/v2/accounts/x/")] {
        let refused = request.verify(method, path, NOW).unwrap_err();
        assert!(matches!(refused, Error::RequestDiffers { .. }));
        assert_eq!(refused.code(), ErrorCode::PermissionDenied);
    }
    let judge = |seconds| request.verify("PUT", "/v2/accounts/x", UnixTime::from_seconds(seconds));
    assert!(judge(IAT - 120).is_ok() && judge(IAT + 120).is_ok());
    for seconds in [IAT - 121, IAT + 121, 0, u64::MAX] {
        assert!(matches!(judge(seconds), Err(Error::RequestNotFresh { .. })), "{seconds}");
    }
}

#[test]
fn a_statement_is_recognised_by_its_header_and_read_as_what_it_is() {
    let sound = json!({"v": 2, "account": account().id(), "epoch": 1}).to_string();
    let read = AnyStatement::read(&statement("cape-epoch+jws", &sound)).unwrap().unwrap();
    assert_eq!(read.statement_type(), StatementType::Epoch);
    assert_eq!((read.account(), read.payload()), (account().id(), sound.as_bytes()));

    assert!(AnyStatement::read(&statement("cape-other+jws", &sound)).is_ok_and(|it| it.is_none()));
    assert!(AnyStatement::read("cape-epoch+jws").is_ok_and(|it| it.is_none()));
    for statement_type in StatementType::ALL.iter().filter(|it| **it != StatementType::Epoch) {
        let mistyped = statement(statement_type.as_str(), &sound);
        assert!(AnyStatement::read(&mistyped).is_err(), "{statement_type}");
    }
    let unsigned = statement_of_other("cape-epoch+jws", &sound);
    assert!(matches!(AnyStatement::read(&unsigned), Err(Error::SignatureInvalid { .. })));
}
