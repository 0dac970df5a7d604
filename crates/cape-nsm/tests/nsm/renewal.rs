use std::fs;

use cape_nsm::{AttestationFields, Error, Nsm, Pki, PkiError};

use crate::support::{Clock, DAY, Document, Folder, HOUR, SECOND, START, certificate};

/// The levels of a chain.
const REGION: usize = 1;
const ZONE: usize = 2;
const INSTANCE: usize = 3;
const LEAF: usize = 4;

#[test]
fn a_leaf_serves_for_half_of_its_life() {
    let folder = Folder::new();
    let clock = Clock::at(START);
    let nsm = clock.start(Pki::create(&folder.join("nsm"), START).unwrap()).unwrap();
    let first = Document::of(&nsm).chain();
    clock.set(START + 90 * 60 * SECOND - 1);
    assert_eq!(levels_in_common(&first, &Document::of(&nsm).chain()), LEAF + 1);
    clock.set(START + 90 * 60 * SECOND);
    let second = Document::of(&nsm).chain();
    assert_eq!(second[..LEAF], first[..LEAF]);
    assert_ne!(certificate(&second[LEAF]).public_key().raw, certificate(&first[LEAF]).public_key().raw);
}

#[test]
fn an_authority_is_renewed_when_it_cannot_outlive_what_it_signs() {
    let folder = Folder::new();
    let clock = Clock::at(START);
    let nsm = clock.start(Pki::create(&folder.join("nsm"), START).unwrap()).unwrap();
    let mut before = Document::of(&nsm).chain();
    for (now, renewed) in [
        (START + 20 * HOUR, LEAF),
        (START + 22 * HOUR, INSTANCE),
        (START + 5 * DAY, INSTANCE),
        (START + 6 * DAY, ZONE),
        (START + 15 * DAY, REGION),
    ] {
        clock.set(now);
        let after = Document::of(&nsm).chain();
        assert_eq!(levels_in_common(&before, &after), renewed, "{now}");
        before = after;
    }
}

#[test]
fn a_pki_that_is_kept_nowhere_renews_its_authorities_too() {
    let clock = Clock::at(START);
    let nsm = clock.start(Pki::in_memory(START).unwrap()).unwrap();
    let before = Document::of(&nsm).chain();
    clock.set(START + 15 * DAY);
    assert_eq!(levels_in_common(&before, &Document::of(&nsm).chain()), REGION);
}

#[test]
fn at_any_time_the_whole_chain_is_valid_and_outlives_the_leaf() {
    let folder = Folder::new();
    let clock = Clock::at(START);
    let nsm = clock.start(Pki::create(&folder.join("nsm"), START).unwrap()).unwrap();
    let mut now = START;
    while now < START + 60 * DAY {
        clock.set(now);
        let chain = Document::of(&nsm).chain();
        for pair in chain.windows(2) {
            let (issuer, subject) = (certificate(&pair[0]), certificate(&pair[1]));
            subject.verify_signature(Some(issuer.public_key())).unwrap();
            assert_eq!(issuer.subject().as_raw(), subject.issuer().as_raw());
            assert!(issuer.validity().not_before <= subject.validity().not_before);
            assert!(subject.validity().not_after <= issuer.validity().not_after);
        }
        let leaf = certificate(&chain[LEAF]);
        let left = leaf.validity().not_after.timestamp() - i64::try_from(now / 1000).unwrap();
        assert!(left >= 90 * 60, "{left} seconds left at {now}");
        assert!(leaf.validity().not_before.timestamp() <= i64::try_from(now / 1000).unwrap());
        now += 7 * HOUR + 13 * SECOND;
    }
}

#[test]
fn a_restart_keeps_the_authorities() {
    let folder = Folder::new();
    let clock = Clock::at(START);
    let first = clock.start(Pki::create(&folder.join("nsm"), START).unwrap()).unwrap();
    let before = Document::of(&first);
    drop(first);
    clock.set(START + SECOND);
    let second = clock.start(Pki::open(&folder.join("nsm")).unwrap()).unwrap();
    let after = Document::of(&second);
    assert_eq!(levels_in_common(&before.chain(), &after.chain()), LEAF);

    let parts = |document: &Document| {
        let module_id = document.text("module_id");
        let (instance, enclave) = module_id.split_once("-enc").unwrap();
        (instance.to_owned(), enclave.to_owned())
    };
    assert_eq!(parts(&after).0, parts(&before).0);
    assert_ne!(parts(&after).1, parts(&before).1);
}

#[test]
fn a_restart_long_after_renews_what_expired() {
    let folder = Folder::new();
    let before = {
        let clock = Clock::at(START);
        Document::of(&clock.start(Pki::create(&folder.join("nsm"), START).unwrap()).unwrap())
    };
    let clock = Clock::at(START + 400 * DAY);
    let after = Document::of(&clock.start(Pki::open(&folder.join("nsm")).unwrap()).unwrap());
    assert_eq!(levels_in_common(&before.chain(), &after.chain()), REGION);
}

#[test]
fn a_clock_set_back_gets_certificates_that_are_valid_then() {
    let folder = Folder::new();
    let clock = Clock::at(START + 12 * HOUR);
    let nsm = clock.start(Pki::create(&folder.join("nsm"), START).unwrap()).unwrap();
    clock.set(START);
    let now = i64::try_from(START / 1000).unwrap();
    for der in Document::of(&nsm).chain() {
        let validity = certificate(&der).validity().clone();
        assert!(validity.not_before.timestamp() <= now && now <= validity.not_after.timestamp());
    }
}

#[test]
fn nothing_is_signed_outside_of_the_roots_life() {
    let folder = Folder::new();
    let clock = Clock::at(START);
    let nsm = clock.start(Pki::create(&folder.join("nsm"), START).unwrap()).unwrap();
    for now in [0, START - 2 * DAY, START + 3650 * DAY, u64::MAX] {
        clock.set(now);
        assert_eq!(nsm.attest(AttestationFields::default()), Err(Error::InternalError));
        let error = clock.start(Pki::open(&folder.join("nsm")).unwrap()).unwrap_err();
        assert!(matches!(error, PkiError::RootNotValid { .. }), "{error}");
    }
    clock.set(START);
    assert!(nsm.attest(AttestationFields::default()).is_ok());
}

#[test]
fn a_chain_that_cannot_be_written_is_an_internal_error() {
    let folder = Folder::new();
    let clock = Clock::at(START);
    let nsm = clock.start(Pki::create(&folder.join("nsm"), START).unwrap()).unwrap();
    fs::remove_dir_all(folder.join("nsm")).unwrap();
    clock.set(START + 2 * HOUR);
    assert!(nsm.attest(AttestationFields::default()).is_ok());
    clock.set(START + 2 * DAY);
    for _ in 0..2 {
        assert_eq!(nsm.attest(AttestationFields::default()), Err(Error::InternalError));
    }
}

/// How many certificates, from the root downward, two chains share.
fn levels_in_common(one: &[Vec<u8>], other: &[Vec<u8>]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}
