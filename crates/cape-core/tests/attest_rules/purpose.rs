//! Check 7: what a document answers, and what it was made for.

use cape_core::attest::{
    Error, Expectation, ExpectedNonce, FormDefect, Policy, Purpose, Release, SessionData, UserDataDefect,
    VaultBirth,
};
use cape_core::encoding::cbor::Writer;

use crate::document::{Forge, NONCE, VAULT, bytes, null};
use crate::verifier::{Verifier, form_defect, judge};

fn session() -> Vec<u8> {
    SessionData { vault: VAULT, runtime: [1; 32], receipts: [2; 32] }.to_user_data()
}

fn birth() -> Vec<u8> {
    VaultBirth { key: "file".into(), vault: VAULT }.to_user_data()
}

#[track_caller]
fn defect(change: impl FnOnce(&mut Forge)) -> UserDataDefect {
    match form_defect(judge(&Forge::with(change), &Forge::new())) {
        FormDefect::Purpose(defect) => defect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_nonce() {
    let forge = Forge::new();
    for (nonce, actual) in [(&[0x4f; 32][..], 32), (&NONCE[..31], 31), (&[], 0), (&[0x4e; 33], 33)] {
        let document = Forge::with(|forge| forge.set("nonce", bytes(nonce)));
        let mismatch = Error::NonceMismatch { actual_length: Some(actual), expected_length: 32 };
        assert_eq!(judge(&document, &forge), Err(mismatch));
    }
}

#[test]
fn a_nonce_that_nobody_asked_for_is_not_looked_at_and_the_result_says_so() {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    assert!(verifier.judge(&forge.document()).unwrap().nonce_checked());
    verifier.expectation.nonce = ExpectedNonce::Unchecked;
    for nonce in [bytes(b"any"), null()] {
        let document = Forge::with(|forge| forge.set("nonce", nonce));
        assert!(!verifier.judge(&document).unwrap().nonce_checked());
    }
}

#[test]
fn documents_of_another_use() {
    let expected = UserDataDefect::WrongUse { expected: "session", actual: "vault-birth" };
    let as_birth = |forge: &mut Forge| forge.set("user_data", bytes(&birth()));
    assert_eq!(defect(as_birth), expected, "its use is judged before its nonce");
    let with_key = |forge: &mut Forge| {
        as_birth(forge);
        forge.set("public_key", bytes(b"key"));
    };
    assert_eq!(defect(with_key), expected, "and before its public key");

    let mut verifier = Verifier::of(&Forge::new());
    verifier.expectation.nonce = ExpectedNonce::Unchecked;
    let born = Forge::with(|forge| {
        as_birth(forge);
        forge.set("nonce", null());
    });
    assert_eq!(form_defect(verifier.judge(&born)), FormDefect::Purpose(expected));
    verifier.expectation = Expectation::vault_birth();
    assert!(verifier.judge(&born).is_ok());
    let expected = UserDataDefect::WrongUse { expected: "vault-birth", actual: "session" };
    assert_eq!(form_defect(verifier.judge(&Forge::new().document())), FormDefect::Purpose(expected));
    let noncing = Forge::with(as_birth);
    assert_eq!(form_defect(verifier.judge(&noncing)), FormDefect::Purpose(UserDataDefect::NonceOutOfPlace));
}

#[test]
fn user_data_that_is_missing_or_of_others() {
    assert_eq!(defect(|forge| forge.set("user_data", null())), UserDataDefect::Missing);
    for other in [&b""[..], b"hello", &[0xa0, 0], &[0xbf, 0xff], &[0x80]] {
        let found = defect(|forge| forge.set("user_data", bytes(other)));
        assert!(matches!(found, UserDataDefect::Cbor(_)), "{found:?}");
    }
    assert_eq!(defect(|forge| forge.set("user_data", bytes(&[0xa0]))), UserDataDefect::MissingField("v"));
    let mut kms = Writer::new();
    kms.map(3).text("v").uint(2).text("use").text("kms").text("vault").bytes(&VAULT);
    assert_eq!(
        defect(|forge| forge.set("user_data", bytes(&kms.into_bytes()))),
        UserDataDefect::UnknownUse("kms".into())
    );
    let mut version = session();
    let place = version.windows(3).position(|bytes| bytes == b"\x61v\x02").unwrap();
    version[place + 2] = 3;
    assert_eq!(defect(|forge| forge.set("user_data", bytes(&version))), UserDataDefect::Version(3));
}

#[test]
fn a_public_key_where_none_belongs() {
    for key in [&b"key"[..], b""] {
        let found = defect(|forge| forge.set("public_key", bytes(key)));
        assert_eq!(found, UserDataDefect::PublicKeyOutOfPlace);
    }
}

#[test]
fn for_any_purpose_user_data_is_anybodys() {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    verifier.expectation.purpose = Purpose::Any;
    let release = verifier.policy.releases().next().cloned().unwrap();
    let foreign = Forge::with(|forge| {
        forge.set("user_data", bytes(b"hello"));
        forge.set("public_key", bytes(b"key"));
    });
    // A release that names a vault fits only a document that names it too.
    assert!(matches!(verifier.judge(&foreign), Err(Error::VaultMismatch { actual: None, .. })));
    assert!(verifier.judge(&forge.document()).is_ok());

    verifier.policy = Policy::new(vec![Release { vault: None, ..release }]).unwrap();
    let verified = verifier.judge(&foreign).unwrap();
    assert_eq!((verified.user_data(), verified.public_key()), (Some(&b"hello"[..]), Some(&b"key"[..])));
    assert_eq!((verified.vault(), verified.session_data()), (None, None));
    verifier.expectation.purpose = Purpose::Session;
    let verdict = verifier.judge(&forge.document());
    assert!(matches!(verdict, Err(Error::VaultMismatch { expected: None, .. })), "{verdict:?}");
}

#[test]
fn the_order_of_checks_is_the_published_one() {
    // Each defect hides behind the one before it: nonce, purpose, debug mode, measurements.
    let forge = Forge::new();
    let judged = |change: &dyn Fn(&mut Forge)| judge(&Forge::with(change), &forge).unwrap_err().code();
    let measurements = |forge: &mut Forge| {
        let registers: Vec<_> = (0..16).map(|index| (index, [index + 2; 48])).collect();
        forge.set("pcrs", crate::document::pcrs(&registers));
    };
    let debug = |forge: &mut Forge| {
        measurements(forge);
        forge.set("pcrs", crate::document::pcrs(&[(0, [0; 48]), (1, [9; 48]), (2, [9; 48])]));
    };
    let purpose = |forge: &mut Forge| {
        debug(forge);
        forge.set("public_key", bytes(b"key"));
    };
    let nonce = |forge: &mut Forge| {
        purpose(forge);
        forge.set("nonce", null());
    };
    let time = |forge: &mut Forge| {
        nonce(forge);
        forge.set("timestamp", crate::document::uint(1));
    };
    let names = [&measurements as &dyn Fn(&mut Forge), &debug, &purpose, &nonce, &time]
        .map(|change| judged(change).name());
    assert_eq!(
        names,
        ["PcrMismatch", "DebugModeEnclave", "DocumentMalformed", "NonceMismatch", "DocumentTooOld"]
    );
}
