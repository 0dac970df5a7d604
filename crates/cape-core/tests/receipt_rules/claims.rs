use cape_core::attest::{Document, Expectation as DocumentExpectation, ExpectedNonce, SessionData};
use cape_core::identity::Checksum;
use cape_core::receipt::{Error, Expectation, ExpectedInput, ExpectedOutcome, Receipt};
use cape_core::session::Salts;

use crate::document::{NOW, PROTECTED, VAULT, bytes, cose, null, uint};
use crate::forge::{CHECKSUM, ENCLAVE, Enclave, Forge, LEAF, SALTS, everything, policy, roots, signature};
use crate::x509::Key;

#[track_caller]
fn refused(receipt: &[u8]) -> Error {
    ENCLAVE.judge(receipt, &everything()).unwrap_err()
}

#[track_caller]
fn with(field: u64, value: Vec<u8>) -> Error {
    refused(&Forge::new().set(field, value).receipt())
}

#[test]
fn every_bit_of_a_receipt_that_flips() {
    let receipt = Forge::new().receipt();
    for bit in 0..receipt.len() * 8 {
        let mut flipped = receipt.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(ENCLAVE.judge(&flipped, &Expectation::default()).is_err(), "bit {bit}");
    }
}

#[test]
fn another_function_session_call_or_document() {
    let other = [0xee; 32];
    let actual = Checksum::from_bytes(other);
    assert_eq!(with(2, bytes(&other)), Error::FunctionMismatch { expected: CHECKSUM, actual });
    assert_eq!(with(9, bytes(&other)), Error::CallNonceMismatch);
    assert_eq!(with(9, null()), Error::CallNonceMismatch);
    assert_eq!(with(11, bytes(&other)), Error::SessionMismatch { expected: LEAF, actual: other });
    let expected = ENCLAVE.attestation.document_sha384();
    assert_eq!(with(12, bytes(&[1; 48])), Error::DocumentMismatch { expected, actual: [1; 48] });
}

#[test]
fn a_number_that_was_seen_before_the_call() {
    for actual in [1, 39, 40] {
        assert_eq!(with(10, uint(actual)), Error::SequenceRepeated { after: 40, actual });
    }
}

#[test]
fn other_data() {
    assert_eq!(with(3, bytes(&[1; 32])), Error::InputMismatch);
    assert_eq!(with(4, bytes(&[1; 32])), Error::OutputMismatch);
    assert_eq!(with(5, bytes(&[1; 32])), Error::CiphertextMismatch);
    let judge =
        |expectation: Expectation<'_>| ENCLAVE.judge(&Forge::new().receipt(), &expectation).unwrap_err();
    let ciphertext = Some(ExpectedInput::Sent(b"cape:2:hello"));
    assert_eq!(judge(Expectation { input: ciphertext, ..everything() }), Error::CiphertextMismatch);
    let given = Some(ExpectedInput::Given(b"hellO"));
    assert_eq!(judge(Expectation { input: given, ..everything() }), Error::InputMismatch);
    let output = Some(ExpectedOutcome::Output(b""));
    assert_eq!(judge(Expectation { outcome: output, ..everything() }), Error::OutputMismatch);
}

#[test]
fn other_salts_or_none() {
    let judge =
        |salts| ENCLAVE.judge(&Forge::new().receipt(), &Expectation { salts, ..everything() }).unwrap_err();
    assert_eq!(judge(Some(Salts { input: [0; 32], ..SALTS })), Error::InputMismatch);
    assert_eq!(judge(Some(Salts { output: Some([0; 32]), ..SALTS })), Error::OutputMismatch);
    assert_eq!(judge(Some(Salts { output: None, ..SALTS })), Error::SaltMissing("output"));
    let input = Expectation { outcome: None, salts: None, ..everything() };
    let error = ENCLAVE.judge(&Forge::new().receipt(), &input).unwrap_err();
    assert_eq!(error, Error::SaltMissing("input"));
}

#[test]
fn another_outcome() {
    let failed = Forge::failed("FunctionError").receipt();
    let wrong = |expected: &str, actual: &str| Error::OutcomeMismatch {
        expected: expected.to_owned(),
        actual: actual.to_owned(),
    };
    assert_eq!(refused(&failed), wrong("success", "FunctionError"));
    let crash = Expectation { outcome: Some(ExpectedOutcome::Error("FunctionCrashed")), ..everything() };
    assert_eq!(ENCLAVE.judge(&failed, &crash).unwrap_err(), wrong("FunctionCrashed", "FunctionError"));
    let error = ENCLAVE.judge(&Forge::new().receipt(), &crash).unwrap_err();
    assert_eq!(error, wrong("FunctionCrashed", "success"));
}

#[test]
fn a_run_outside_the_time_of_its_document() {
    let ends = ENCLAVE.attestation.chain().last().unwrap().not_after.as_millis() + 999;
    for started in [NOW.as_millis() - 120_001, ends + 1] {
        let error = with(7, uint(started));
        assert!(matches!(error, Error::OutsideDocument { .. }), "{error:?}");
    }
}

#[test]
fn signatures_of_others_and_for_other_purposes() {
    let payload = Forge::new().payload();
    let signed =
        |signature: &[u8]| refused(&cose(&bytes(PROTECTED), &[0xa0], &bytes(&payload), &bytes(signature)));
    assert_eq!(signed(&signature(&payload, &Key::generate())), Error::SignatureInvalid);
    assert_eq!(signed(&[0; 96]), Error::SignatureInvalid);
    // As an attestation document is signed: without external data.
    assert_eq!(signed(&crate::document::signature(&payload, &ENCLAVE.key)), Error::SignatureInvalid);
}

#[test]
fn another_key() {
    let other = Enclave::new();
    let receipt = Forge::new().receipt();
    let judge = |key: &[u8]| {
        Receipt::parse(&receipt).unwrap().verify(key, &ENCLAVE.attestation, &everything()).unwrap_err()
    };
    assert!(matches!(judge(&other.spki()), Error::KeyMismatch { .. }));
    let spki = ENCLAVE.spki();
    let mut compressed = spki.clone();
    compressed[23] = 2;
    let trailing = [&spki[..], &[0]].concat();
    let other_curve = [&spki[..19], &[0x23], &spki[20..]].concat();
    for key in [&spki[..119], &compressed, &trailing, &other_curve, &[]] {
        assert_eq!(judge(key), Error::KeyMalformed);
    }
}

#[test]
fn a_key_that_is_no_point_of_the_curve() {
    let mut spki = ENCLAVE.spki();
    spki[119] ^= 1;
    let mut forge = crate::document::Forge::new();
    let receipts = cape_core::crypto::sha256(&[&spki]);
    let user_data = SessionData { vault: VAULT, runtime: [1; 32], receipts }.to_user_data();
    forge.set("user_data", bytes(&user_data));
    let (document, root) = (forge.document(), roots(&forge.certificates[0]));
    let expectation = DocumentExpectation::any(ExpectedNonce::Unchecked);
    let attestation =
        Document::parse(&document).unwrap().verify(&root, &policy(), &expectation, NOW, None).unwrap();
    let receipt = Forge::new().receipt();
    let verdict = Receipt::parse(&receipt).unwrap().verify(&spki, &attestation, &everything());
    assert_eq!(verdict.unwrap_err(), Error::SignatureInvalid);
}

#[test]
fn a_document_that_was_not_made_for_sessions_vouches_for_no_key() {
    let mut forge = crate::document::Forge::new();
    forge.set("user_data", null());
    let (document, root) = (forge.document(), roots(&forge.certificates[0]));
    let mut release = policy().releases().next().unwrap().clone();
    release.vault = None;
    let policy = cape_core::attest::Policy::new(vec![release]).unwrap();
    let expectation = DocumentExpectation::any(ExpectedNonce::Unchecked);
    let attestation =
        Document::parse(&document).unwrap().verify(&root, &policy, &expectation, NOW, None).unwrap();
    let receipt = Forge::new().receipt();
    let verdict = Receipt::parse(&receipt).unwrap().verify(&ENCLAVE.spki(), &attestation, &everything());
    assert_eq!(verdict.unwrap_err(), Error::NotOfSessions);
}

#[test]
fn each_failure_has_a_reason_of_its_own_in_the_details() {
    let other = || bytes(&[0xee; 32]);
    let reasons: Vec<_> = [
        with(2, other()),
        with(3, other()),
        with(4, other()),
        with(5, other()),
        refused(&Forge::failed("FunctionError").receipt()),
        with(7, uint(1)),
        with(9, other()),
        with(10, uint(1)),
        with(11, other()),
        with(12, bytes(&[0; 48])),
    ]
    .iter()
    .map(|error| error.details()[0].clone())
    .collect();
    let names = [
        "function",
        "input",
        "output",
        "ciphertext",
        "outcome",
        "started",
        "call_nonce",
        "sequence",
        "session",
        "document",
    ];
    assert_eq!(reasons, names.map(|name| ("reason", name.to_owned())));
}
