use cape_core::receipt::{Expectation, ExpectedInput, ExpectedOutcome, Outcome, Receipt};
use cape_core::session::Salts;

use crate::document::{NOW, null, uint};
use crate::forge::{CALL_NONCE, CHECKSUM, ENCLAVE, Forge, INPUT, LEAF, OUTPUT, SALTS, everything};

#[test]
fn what_is_in_order_holds_and_says_all_its_fields() {
    let receipt = Forge::new().receipt();
    let verified = ENCLAVE.judge(&receipt, &everything()).unwrap();
    let statement = verified.statement();
    assert_eq!(statement.function, CHECKSUM);
    assert_eq!(statement.call_nonce, Some(CALL_NONCE));
    assert_eq!((statement.session, statement.sequence.get()), (LEAF, 41));
    assert_eq!((statement.started, statement.duration_us), (NOW, 1234));
    assert_eq!(statement.document_sha384, ENCLAVE.attestation.document_sha384());
    assert_eq!(statement.outcome.name(), "success");
    assert_eq!(verified.as_bytes(), receipt);
    assert_eq!(verified.key().to_spki(), ENCLAVE.spki());
    assert_eq!(verified.salts(), Some(&SALTS));
}

#[test]
fn what_nobody_asks_for_does_not_matter() {
    assert!(ENCLAVE.judge(&Forge::new().receipt(), &Expectation::default()).is_ok());
}

#[test]
fn a_failed_call_names_its_error() {
    let expectation = Expectation {
        outcome: Some(ExpectedOutcome::Error("FunctionTimeout")),
        salts: Some(Salts { output: None, ..SALTS }),
        ..everything()
    };
    let verified = ENCLAVE.judge(&Forge::failed("FunctionTimeout").receipt(), &expectation).unwrap();
    assert_eq!(verified.statement().outcome, Outcome::Failed { error: "FunctionTimeout".into() });
}

#[test]
fn a_call_without_a_nonce_has_none_in_its_receipt() {
    let receipt = Forge::new().set(9, null()).receipt();
    let expectation = Expectation { call_nonce: None, ..everything() };
    assert_eq!(ENCLAVE.judge(&receipt, &expectation).unwrap().statement().call_nonce, None);
}

#[test]
fn a_ciphertext_is_named_by_its_own_digest_and_needs_no_salt() {
    use cape_core::crypto::sha256;
    let ciphertext = b"cape:2:whatever";
    let receipt = Forge::new().set(5, crate::document::bytes(&sha256(&[ciphertext]))).receipt();
    let sent = Expectation {
        input: Some(ExpectedInput::Sent(ciphertext)),
        outcome: None,
        salts: None,
        ..everything()
    };
    assert!(ENCLAVE.judge(&receipt, &sent).is_ok());
    let given = Expectation { input: Some(ExpectedInput::Given(INPUT)), ..everything() };
    assert!(ENCLAVE.judge(&receipt, &given).is_ok());
}

#[test]
fn a_run_may_begin_two_minutes_before_its_document_and_until_its_certificate_ends() {
    let ends = ENCLAVE.attestation.chain().last().unwrap().not_after.as_millis() + 999;
    for started in [NOW.as_millis() - 120_000, ends] {
        assert!(ENCLAVE.judge(&Forge::new().set(7, uint(started)).receipt(), &everything()).is_ok());
    }
}

#[test]
fn what_is_inspected_says_that_nothing_was_verified() {
    let receipt = Forge::new().receipt();
    let unverified = Receipt::parse(&receipt).unwrap().inspect();
    assert_eq!(unverified.statement.function, CHECKSUM);
    assert!(format!("{unverified:?}").starts_with("Unverified"));
}

#[test]
fn no_output_shows_a_salt() {
    let verified = ENCLAVE.judge(&Forge::new().receipt(), &everything()).unwrap();
    let shown = format!("{verified:?} {:?}", verified.salts());
    assert!(!shown.contains("165, 165") && !shown.contains("a5a5"));
    assert_eq!(Salts::from_bytes(&SALTS.to_bytes()), Ok(SALTS));
    assert!(!verified.to_file().windows(32).any(|window| window == SALTS.input));
    assert!(!verified.to_file().windows(OUTPUT.len()).any(|window| window == OUTPUT));
}
