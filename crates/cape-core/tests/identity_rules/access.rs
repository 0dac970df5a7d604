//! Who may run: the order of the checks, and each of them.

use cape_core::ErrorCode;
use cape_core::identity::{
    AccountId, Caller, Credential, Error, Manifest, OwnerProof, OwnerSession, Records, RevocationNumbers,
    Signed, Token, authorize,
};
use serde_json::json;

use crate::forge::{
    IAT, NOW, account, manifest, manifest_with, other_account, statement, statement_of_other, token_payload,
};

const SESSION: OwnerSession = OwnerSession::from_bytes([5; 32]);

fn token() -> String {
    statement("cape-token+jwt", &token_payload().to_string())
}

fn proof(session: OwnerSession) -> String {
    Signed::sign(OwnerProof::new(account().id(), session), &account()).unwrap().text().to_owned()
}

fn revocations(number: u64, issued_at: u64, jtis: &[&str], checksums: &[String]) -> String {
    let payload = json!({
        "v": 2, "account": account().id(), "number": number, "iat": issued_at, "jtis": jtis,
        "checksums": checksums,
    });
    statement("cape-revocations+jws", &payload.to_string())
}

fn epoch(account: AccountId) -> String {
    format!(r#"{{"v":2,"account":"{account}","epoch":3}}"#)
}

/// The verdict on a call of `function` that brings this.
fn verdict(
    function: &Signed<Manifest>,
    token: Option<&str>,
    proof: Option<&str>,
    records: &[String],
) -> Result<Caller, Error> {
    let records = Records::read(records.iter().map(String::as_str))?;
    let credential = Credential::read(token, proof)?;
    authorize(function, &credential, &records, &SESSION, &RevocationNumbers::default(), NOW)
}

#[test]
fn a_token_makes_a_bearer_and_a_proof_the_owner() {
    let bearer = verdict(&manifest(), Some(&token()), None, &[]).unwrap();
    assert!(matches!(&bearer, Caller::Bearer(Token { .. })));
    assert_eq!(bearer.account(), None, "a token says nothing of who holds it");
    let owner = verdict(&manifest(), None, Some(&proof(SESSION)), &[]).unwrap();
    assert_eq!(owner.account(), Some(account().id()));
}

#[test]
fn one_credential_and_no_more() {
    let none = verdict(&manifest(), None, None, &[]).unwrap_err();
    assert_eq!((&none, none.code()), (&Error::CredentialsMissing, ErrorCode::PermissionDenied));
    let both = verdict(&manifest(), Some(&token()), Some(&proof(SESSION)), &[]).unwrap_err();
    assert_eq!((&both, both.code()), (&Error::CredentialsAmbiguous, ErrorCode::ProtocolError));
    let swapped = verdict(&manifest(), Some(&proof(SESSION)), None, &[]).unwrap_err();
    assert!(matches!(swapped, Error::WrongType { .. }));
    assert_eq!(swapped.code(), ErrorCode::TokenInvalid);
}

#[test]
fn a_proof_of_another_session_or_account() {
    let replayed = proof(OwnerSession::from_bytes([6; 32]));
    let refused = verdict(&manifest(), None, Some(&replayed), &[]).unwrap_err();
    assert_eq!((&refused, refused.code()), (&Error::WrongSession, ErrorCode::PermissionDenied));
    let others = Signed::sign(OwnerProof::new(other_account().id(), SESSION), &other_account()).unwrap();
    let refused = verdict(&manifest(), None, Some(others.text()), &[]).unwrap_err();
    assert!(matches!(refused, Error::WrongAccount { .. }));
    assert_eq!(refused.code(), ErrorCode::PermissionDenied);
    let malformed = format!(r#"{{"v":2,"account":"{}","session":"AAAA"}}"#, account().id());
    let refused = verdict(&manifest(), None, Some(&statement("cape-owner+jws", &malformed)), &[]);
    assert_eq!(refused.unwrap_err().code(), ErrorCode::ProtocolError);
}

#[test]
fn records_of_each_type_once_and_no_other() {
    let record = statement("cape-epoch+jws", &epoch(account().id()));
    let list = revocations(1, IAT, &[], &[]);
    let records = Records::read([record.as_str(), &list]).unwrap();
    assert_eq!(records.epoch_of(account().id()), Ok(3));
    assert!(matches!(records.epoch_of(other_account().id()), Err(Error::WrongAccount { .. })));
    assert_eq!(Records::default().epoch_of(account().id()), Ok(0));
    for twice in [[&record, &record], [&list, &list]] {
        let refused = Records::read(twice.map(String::as_str)).unwrap_err();
        assert_eq!((&refused, refused.code()), (&Error::RecordRepeated, ErrorCode::ProtocolError));
    }
    for other in [token(), proof(SESSION), String::new(), "x".repeat(100)] {
        assert_eq!(Records::read([other.as_str()]).unwrap_err(), Error::RecordUnknown);
    }
}

#[test]
fn revoked_tokens_and_functions() {
    let list = |jtis: &[&str], checksums: &[String]| vec![revocations(1, IAT, jtis, checksums)];
    let jti = token_payload()["jti"].as_str().unwrap().to_owned();
    let checksum = manifest().checksum().to_string();
    let (token, proof) = (token(), proof(SESSION));

    let refused = verdict(&manifest(), Some(&token), None, &list(&["other", &jti], &[])).unwrap_err();
    assert_eq!(refused, Error::TokenRevoked { jti: jti.clone(), number: 1 });
    assert_eq!(refused.code(), ErrorCode::TokenRevoked);
    assert!(verdict(&manifest(), Some(&token), None, &list(&["other"], &[])).is_ok());
    assert!(verdict(&manifest(), None, Some(&proof), &list(&[&jti], &[])).is_ok());

    // A revoked function runs for nobody, its account included.
    for (token, proof) in [(Some(token.as_str()), None), (None, Some(proof.as_str()))] {
        let refused =
            verdict(&manifest(), token, proof, &list(&[], std::slice::from_ref(&checksum))).unwrap_err();
        assert!(matches!(refused, Error::FunctionRevoked { .. }));
        assert_eq!(refused.code(), ErrorCode::PermissionDenied);
    }
}

#[test]
fn a_list_of_another_account() {
    let payload = json!({
        "v": 2, "account": other_account().id(), "number": 1, "iat": IAT, "jtis": [], "checksums": [],
    });
    let list = statement_of_other("cape-revocations+jws", &payload.to_string());
    let refused = verdict(&manifest(), Some(&token()), None, &[list]).unwrap_err();
    assert!(matches!(refused, Error::WrongAccount { .. }));
}

#[test]
fn a_lower_number_than_one_that_was_seen() {
    let numbers = RevocationNumbers::default();
    let credential = Credential::read(Some(&token()), None).unwrap();
    let judge = |number| {
        let list = revocations(number, IAT, &[], &[]);
        let records = Records::read([list.as_str()]).unwrap();
        authorize(&manifest(), &credential, &records, &SESSION, &numbers, NOW).map(|_| ())
    };
    assert_eq!(judge(7), Ok(()));
    assert_eq!(judge(7), Ok(()));
    assert_eq!(judge(8), Ok(()));
    let refused = judge(7).unwrap_err();
    assert_eq!(refused, Error::RevocationsNumberLower { number: 7, seen: 8 });
    assert_eq!(refused.code(), ErrorCode::PermissionDenied);
}

#[test]
fn freshness_that_the_manifest_demands() {
    let function = manifest_with("revocation_max_age_s", json!(60));
    let mut payload = token_payload();
    payload["sub"] = json!(function.checksum());
    let token = statement("cape-token+jwt", &payload.to_string());
    let judge = |records: &[String]| verdict(&function, Some(&token), None, records);

    assert_eq!(judge(&[]).unwrap_err(), Error::RevocationsMissing { max_age_s: 60 });
    let now = NOW.as_seconds();
    for (issued_at, fresh) in [(now - 61, false), (now - 60, true), (now + 120, true), (now + 121, false)] {
        match judge(&[revocations(1, issued_at, &[], &[])]) {
            Ok(_) => assert!(fresh, "{issued_at}"),
            Err(error) => {
                assert!(!fresh, "{issued_at}");
                assert!(matches!(error, Error::RevocationsNotFresh { .. }));
                assert_eq!(error.code(), ErrorCode::PermissionDenied);
            }
        }
    }
}

#[test]
fn the_first_check_that_fails_is_the_error() {
    let wrong_function = manifest_with("timeout_s", json!(1));
    let revoked = vec![revocations(1, IAT, &[token_payload()["jti"].as_str().unwrap()], &[])];
    let refused = verdict(&wrong_function, Some(&token()), None, &revoked).unwrap_err();
    assert!(matches!(refused, Error::TokenWrongFunction { .. }), "before the list: {refused}");
    let unknown = vec![String::from("x")];
    let refused = verdict(&wrong_function, Some(&token()), None, &unknown).unwrap_err();
    assert_eq!(refused, Error::RecordUnknown, "before the token");
}
