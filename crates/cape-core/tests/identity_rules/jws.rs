//! The form that all statements have, tried on epoch records, the shortest of them.

use cape_core::ErrorCode;
use cape_core::encoding::base64url;
use cape_core::identity::{EpochRecord, Error, Form, Jws, MAX_JWS_LENGTH, Signed, StatementType};

use crate::forge::{account, jws, other_account, sign, statement};

const TYP: &str = "cape-epoch+jws";
const HEADER: &str = r#"{"alg":"EdDSA","typ":"cape-epoch+jws"}"#;

fn payload() -> String {
    format!(r#"{{"v":2,"account":"{}","epoch":1}}"#, account().id())
}

fn refused(text: &str) -> Error {
    Jws::verify(text, StatementType::Epoch).unwrap_err()
}

fn refused_form(text: &str) -> Form {
    match refused(text) {
        Error::Malformed { statement_type: StatementType::Epoch, form } => form,
        other => panic!("{other}"),
    }
}

#[test]
fn sound() {
    let text = statement(TYP, &payload());
    let jws = Jws::verify(&text, StatementType::Epoch).unwrap();
    assert_eq!(jws.account(), account().id());
    assert_eq!(jws.payload(), payload().as_bytes());
    assert_eq!(Jws::sign(&account(), StatementType::Epoch, payload().as_bytes()).unwrap().text(), text);
}

#[test]
fn another_type() {
    let error = refused(&statement("cape-name+jws", &payload()));
    assert_eq!(error, Error::WrongType { expected: StatementType::Epoch, actual: StatementType::Name });
}

#[test]
fn another_header() {
    for header in [
        "",
        "{}",
        r#"{"alg":"EdDSA"}"#,
        r#"{"typ":"cape-epoch+jws"}"#,
        r#"{"alg":"none","typ":"cape-epoch+jws"}"#,
        r#"{"alg":"Ed25519","typ":"cape-epoch+jws"}"#,
        r#"{"alg":"HS256","typ":"cape-epoch+jws"}"#,
        r#"{"alg":"EdDSA","typ":"CAPE-EPOCH+JWS"}"#,
        r#"{"alg":"EdDSA","typ":"cape-epoch+jws","kid":"1"}"#,
        r#"{"alg":"EdDSA","typ":"cape-epoch+jws","jwk":{}}"#,
        r#"{"typ":"cape-epoch+jws","alg":"EdDSA"}"#,
        r#"{"alg": "EdDSA","typ":"cape-epoch+jws"}"#,
    ] {
        assert_eq!(refused_form(&jws(header, &payload())), Form::Header, "{header}");
    }
}

#[test]
fn algorithm_none_without_signature() {
    let signed = [r#"{"alg":"none","typ":"cape-epoch+jws"}"#, &payload()]
        .map(|part| base64url::encode(part.as_bytes()))
        .join(".");
    assert_eq!(refused_form(&format!("{signed}.")), Form::Header);
}

#[test]
fn other_than_three_parts() {
    let text = statement(TYP, &payload());
    for wrong in ["", "cape", text.rsplit_once('.').unwrap().0] {
        assert!(matches!(refused_form(wrong), Form::Parts | Form::Header), "{wrong}");
    }
    assert_eq!(refused_form(&format!("{text}.")), Form::Base64 { part: "signature" });
    assert_eq!(refused_form(&format!(".{text}")), Form::Header);
}

#[test]
fn padding() {
    // Of these lengths neither payload nor signature is a multiple of three bytes.
    let payload = [payload(), payload() + " ", payload() + "  "].into_iter().find(|it| it.len() % 3 == 2);
    let text = statement(TYP, &payload.unwrap());
    assert_eq!(refused_form(&format!("{text}==")), Form::Base64 { part: "signature" });
    let (signed, _) = text.rsplit_once('.').unwrap();
    assert_eq!(refused_form(&sign(&format!("{signed}="))), Form::Base64 { part: "payload" });
}

#[test]
fn stray_bits_in_base64() {
    let payload = [payload(), payload() + " "].into_iter().find(|it| it.len() % 3 != 0).unwrap();
    let text = statement(TYP, &payload);
    let (signed, signature) = text.rsplit_once('.').unwrap();
    // The last character of what does not fill three bytes carries unused bits, all zero.
    let stray = |text: &str| {
        let mut text = text.to_owned();
        let last = text.pop().unwrap();
        text.push(char::from_u32(u32::from(last) + 1).unwrap());
        text
    };
    assert_eq!(refused_form(&format!("{signed}.{}", stray(signature))), Form::Base64 { part: "signature" });
    assert_eq!(refused_form(&sign(&stray(signed))), Form::Base64 { part: "payload" });
}

#[test]
fn the_alphabet_of_plain_base64() {
    let text = statement(TYP, &payload().replace('}', r#","x":"???>>>"}"#));
    assert!(text.contains('_') || text.contains('-'));
    let (signed, _) = text.rsplit_once('.').unwrap();
    let plain = sign(&signed.replace('_', "/").replace('-', "+"));
    assert_eq!(refused_form(&plain), Form::Base64 { part: "payload" });
}

#[test]
fn too_long() {
    let long = payload().replace('}', &format!(r#","x":"{}"}}"#, "x".repeat(MAX_JWS_LENGTH)));
    let text = statement(TYP, &long);
    assert_eq!(refused_form(&text), Form::TooLong { length: text.len() });
    assert!(Jws::sign(&account(), StatementType::Epoch, long.as_bytes()).is_err());
}

#[test]
fn not_the_permitted_json() {
    let id = account().id();
    for payload in [
        format!(r#"{{"v":2,"account":"{id}","epoch":1,"epoch":2}}"#),
        format!(r#"{{"v":2,"account":"{id}","epoch":1,"\u0065poch":2}}"#),
        format!(r#"{{"v":2,"account":"{id}","account":"{id}","epoch":1}}"#),
        format!(r#"{{"v":2,"account":"{id}","epoch":9007199254740992}}"#),
        format!(r#"{{"v":2,"account":"{id}","epoch":1.0}}"#),
        format!(r#"{{"v":2,"account":"{id}","epoch":1}}{{}}"#),
        format!(r#"{{"v":2,"account":"{id}","epoch":1"#),
        format!(r#"["{id}"]"#),
        format!(r#""{id}""#),
        r#"{"v":2,"epoch":1}"#.to_owned(),
        r#"{"v":2,"account":"bob","epoch":1}"#.to_owned(),
        format!(r#"{{"v":2,"account":"{}","epoch":1}}"#, id.to_string().to_uppercase()),
        String::new(),
    ] {
        let form = refused_form(&statement(TYP, &payload));
        assert!(matches!(form, Form::Payload(_)), "{payload}: {form}");
    }
}

#[test]
fn what_a_payload_says_does_not_reach_a_terminal() {
    let id = account().id();
    for name in ["\\u001b[2Jx".to_owned(), "\\u202ex".to_owned(), "x".repeat(40_000)] {
        let payload = format!(r#"{{"v":2,"account":"{id}","epoch":1,"{name}":2}}"#);
        let error = Signed::<EpochRecord>::read(&statement(TYP, &payload)).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
        assert!(error.len() < 300 && !error.contains(['\u{1b}', '\u{202e}']), "{error:?}");
    }
}

#[test]
fn the_issuer_of_a_token_is_no_member_of_others() {
    let id = account().id();
    for payload in [
        format!(r#"{{"v":2,"account":"{id}","iss":"{id}","epoch":1}}"#),
        format!(r#"{{"v":2,"iss":"{id}","epoch":1}}"#),
    ] {
        let error = Signed::<EpochRecord>::read(&statement(TYP, &payload)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ProtocolError, "{payload}: {error}");
    }
}

#[test]
fn another_account_signed() {
    let stolen = payload().replace(&account().id().to_string(), &other_account().id().to_string());
    let error = refused(&jws(HEADER, &stolen));
    assert_eq!(
        error,
        Error::SignatureInvalid { statement_type: StatementType::Epoch, account: other_account().id() }
    );
    assert_eq!(error.code(), ErrorCode::PermissionDenied);
    assert!(Jws::sign(&account(), StatementType::Epoch, stolen.as_bytes()).is_err());
}

#[test]
fn any_flipped_character() {
    let text = statement(TYP, &payload());
    for index in 0..text.len() {
        let mut flipped = text.clone().into_bytes();
        flipped[index] = if flipped[index] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        assert!(Jws::verify(&flipped, StatementType::Epoch).is_err(), "{index}");
    }
}

#[test]
fn white_space_around_it() {
    let text = statement(TYP, &payload());
    for wrong in [format!(" {text}"), format!("{text}\n"), text.replacen('.', " .", 1)] {
        refused(&wrong);
    }
}
