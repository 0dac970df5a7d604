use core::time::Duration;

use cape_core::identity::{Error, Form, Signed, StatementType, Token};
use cape_core::{ErrorCode, UnixTime};
use serde_json::{Value, json};

use crate::forge::{
    IAT, NOW, account, manifest, other_account, statement, statement_of_other, token_payload,
};

fn read(payload: &Value) -> Result<Signed<Token>, Error> {
    Signed::read(&statement("cape-token+jwt", &payload.to_string()))
}

fn with(field: &str, value: Value) -> Value {
    let mut payload = token_payload();
    payload[field] = value;
    payload
}

#[test]
fn what_may_be_left_out() {
    let token = read(&token_payload()).unwrap();
    assert_eq!(token.name, None);
    assert_eq!(token.verify(&manifest(), NOW), Ok(()));
    for (field, _) in token_payload().as_object().unwrap() {
        let mut payload = token_payload();
        payload.as_object_mut().unwrap().remove(field);
        let refused = read(&payload).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::TokenInvalid, "{field}");
    }
}

#[test]
fn unknown_fields() {
    for field in ["v", "nbf", "scope", "account"] {
        let refused = read(&with(field, json!(2))).unwrap_err();
        assert!(matches!(refused, Error::Malformed { form: Form::Payload(_), .. }), "{field}: {refused}");
    }
}

#[test]
fn values_that_are_refused() {
    for (field, values) in [
        ("sub", json!(["", "ab", "AB".repeat(32), 1])),
        ("aud", json!(["", "cape/deploy", ["cape/run"], "CAPE/RUN"])),
        ("iat", json!(["1795492000", -1, 1.5, 253_402_300_800_u64, 9_007_199_254_740_992_u64])),
        ("exp", json!([IAT, IAT - 1, IAT + 90 * 86_400 + 1, null])),
        ("jti", json!(["", "a b", "a.b", "é", "x".repeat(65), 7])),
        ("name", json!(["", "a\nb", "\u{85}", "x".repeat(129), null])),
    ] {
        for value in values.as_array().unwrap() {
            let refused = read(&with(field, value.clone())).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::TokenInvalid, "{field}: {value}: {refused}");
        }
    }
    for (field, value) in [("exp", json!(IAT + 90 * 86_400)), ("exp", json!(IAT + 1)), ("name", json!("é"))]
    {
        assert!(read(&with(field, value)).is_ok());
    }
}

#[test]
fn for_another_function() {
    let other = "00".repeat(32);
    let token = read(&with("sub", json!(other))).unwrap();
    let refused = token.verify(&manifest(), NOW).unwrap_err();
    assert!(matches!(refused, Error::TokenWrongFunction { .. }));
    assert_eq!(refused.code(), ErrorCode::TokenWrongFunction);
}

#[test]
fn by_another_account() {
    let payload = with("iss", json!(other_account().id()));
    let token: Signed<Token> =
        Signed::read(&statement_of_other("cape-token+jwt", &payload.to_string())).unwrap();
    let refused = token.verify(&manifest(), NOW).unwrap_err();
    assert_eq!(
        refused,
        Error::WrongAccount {
            statement_type: StatementType::Token,
            expected: account().id(),
            actual: other_account().id()
        }
    );
    assert_eq!(refused.code(), ErrorCode::TokenInvalid);
    // In the name of the function's account, with another's signature.
    let forged = statement_of_other("cape-token+jwt", &token_payload().to_string());
    let refused = Signed::<Token>::read(&forged).unwrap_err();
    assert!(matches!(refused, Error::SignatureInvalid { .. }));
    assert_eq!(refused.code(), ErrorCode::TokenInvalid);
}

#[test]
fn its_time() {
    let token = read(&token_payload()).unwrap();
    let judge = |millis: u64| token.verify(&manifest(), UnixTime::from_millis(millis));
    let (start, end) = (token.issued_at.as_millis(), token.expires.as_millis());
    assert!(judge(start - 120_000).is_ok());
    let early = judge(start - 120_001).unwrap_err();
    assert!(matches!(early, Error::TokenFromFuture { .. }));
    assert_eq!(early.code(), ErrorCode::TokenInvalid);
    assert!(judge(end - 1).is_ok());
    assert_eq!(judge(end).unwrap_err().code(), ErrorCode::TokenExpired);
    assert_eq!(judge(u64::MAX).unwrap_err().code(), ErrorCode::TokenExpired);
}

#[test]
fn debug_does_not_give_it_away() {
    let token = read(&token_payload()).unwrap();
    let shown = format!("{token:?}");
    assert!(shown.contains("0123456789abcdef"), "its name in lists: {shown}");
    for part in token.text().split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
}

#[test]
fn a_new_one_has_whole_seconds_and_a_name_of_its_own() {
    let rng = &mut rand_core::UnwrapErr(getrandom::SysRng);
    let now = UnixTime::from_millis(NOW.as_millis() + 999);
    let mut new = |lifetime| Token::new(account().id(), manifest().checksum(), now, lifetime, rng);
    let (one, other) = (new(Token::DEFAULT_LIFETIME), new(Token::MAX_LIFETIME));
    assert_ne!(one.jti, other.jti);
    assert_eq!(one.issued_at, NOW);
    assert_eq!(one.expires, NOW.plus(Duration::from_secs(30 * 86_400)));
    assert!(Signed::sign(other, &account()).is_ok());
    for lifetime in [Duration::ZERO, Token::MAX_LIFETIME + Duration::from_secs(1), Duration::MAX] {
        let refused = Signed::sign(new(lifetime), &account()).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ConfigError, "{lifetime:?}");
    }
}
