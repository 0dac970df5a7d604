//! What a client makes of the simulated module's documents: the same as of AWS's, under the
//! development root and no other.

#![allow(clippy::result_large_err, reason = "a test returns it a few times")]

use std::collections::BTreeMap;

use cape_core::UnixTime;
use cape_core::attest::{
    ChainCache, Document, Error, Expectation, ExpectedNonce, Freshness, Policy, Release, SessionData, Trust,
    TrustRoots, VaultBirth, VerifiedAttestation,
};
use cape_nsm::{AttestationFields, Measurements, Nsm, Pki, SimulatedNsm};

use crate::support::{Clock, DAY, Folder, HOUR, MEASUREMENTS, START};

const VAULT: [u8; 32] = [0x7a; 32];
const NONCE: &[u8] = b"the question";

/// A module, and what its clients go by.
struct Platform {
    nsm: SimulatedNsm,
    clock: Clock,
    roots: TrustRoots,
    _folder: Folder,
}

impl Platform {
    fn new() -> Self {
        let folder = Folder::new();
        let pki = Pki::create(&folder.join("nsm"), START).unwrap();
        let roots = TrustRoots::development(vec![pki.root().to_vec()]).unwrap();
        let clock = Clock::at(START);
        let nsm = clock.start(pki).unwrap();
        Self { nsm, clock, roots, _folder: folder }
    }

    fn attest(&self, user_data: Option<&[u8]>) -> Vec<u8> {
        let fields = AttestationFields { user_data, nonce: Some(NONCE), public_key: None };
        self.nsm.attest(fields).unwrap()
    }
}

fn policy(measurements: &Measurements) -> Policy {
    let pcrs = BTreeMap::from([(0, measurements.pcr0), (1, measurements.pcr1), (2, measurements.pcr2)]);
    let release = Release { name: "this one".to_owned(), pcrs, vault: Some(VAULT), not_after: None };
    Policy::new(vec![release]).unwrap()
}

fn verify(
    document: &[u8],
    roots: &TrustRoots,
    expectation: &Expectation<'_>,
    now: u64,
) -> Result<VerifiedAttestation, Error> {
    let now = UnixTime::from_millis(now);
    Document::parse(document)?.verify(roots, &policy(&MEASUREMENTS), expectation, now, None)
}

fn session_data() -> Vec<u8> {
    SessionData { vault: VAULT, runtime: [1; 32], receipts: [2; 32] }.to_user_data()
}

#[test]
fn a_session_document_is_accepted() {
    let platform = Platform::new();
    let document = platform.attest(Some(&session_data()));
    let verified = verify(&document, &platform.roots, &Expectation::session(NONCE), START).unwrap();
    assert_eq!(verified.module_id(), platform.nsm.describe().unwrap().module_id);
    assert_eq!(verified.timestamp(), UnixTime::from_millis(START));
    assert_eq!(verified.pcrs()[&0], MEASUREMENTS.pcr0);
    assert_eq!(verified.pcrs().len(), 16);
    assert_eq!(verified.trust(), Trust::Development);
    assert_eq!(verified.chain().len(), 5);
}

#[test]
fn a_birth_document_is_accepted_long_after() {
    let platform = Platform::new();
    let birth = VaultBirth { key: "file".to_owned(), vault: VAULT }.to_user_data();
    let fields = AttestationFields { user_data: Some(&birth), ..Default::default() };
    let document = platform.nsm.attest(fields).unwrap();
    verify(&document, &platform.roots, &Expectation::vault_birth(), START + 300 * DAY).unwrap();
}

#[test]
fn documents_of_every_age_of_the_chain_are_accepted() {
    let platform = Platform::new();
    let policy = policy(&MEASUREMENTS);
    let cache = ChainCache::new();
    let mut now = START;
    while now < START + 50 * DAY {
        platform.clock.set(now);
        let document = platform.attest(Some(&session_data()));
        Document::parse(&document)
            .unwrap()
            .verify(
                &platform.roots,
                &policy,
                &Expectation::session(NONCE),
                UnixTime::from_millis(now),
                Some(&cache),
            )
            .unwrap_or_else(|error| panic!("at {now}: {error}"));
        now += 11 * HOUR + 17;
    }
}

#[test]
fn a_locked_register_of_the_application_can_be_pinned() {
    let platform = Platform::new();
    let value = platform.nsm.extend_pcr(16, b"application").unwrap();
    platform.nsm.lock_pcr(16).unwrap();
    let document = platform.attest(None);
    let judge = |pinned| {
        let pcrs = BTreeMap::from([(0, MEASUREMENTS.pcr0), (16, pinned)]);
        let release = Release { name: "pinned".to_owned(), pcrs, vault: None, not_after: None };
        Document::parse(&document).unwrap().verify(
            &platform.roots,
            &Policy::new(vec![release]).unwrap(),
            &Expectation::any(ExpectedNonce::Exactly(NONCE)),
            UnixTime::from_millis(START),
            None,
        )
    };
    assert!(judge(value).is_ok());
    assert!(matches!(judge([0; 48]), Err(Error::PcrMismatch { index: 16, .. })));
}

#[test]
fn neither_aws_nor_another_installation_vouches_for_it() {
    let (platform, other) = (Platform::new(), Platform::new());
    let document = platform.attest(Some(&session_data()));
    for roots in [&TrustRoots::aws(), &other.roots] {
        let result = verify(&document, roots, &Expectation::session(NONCE), START);
        assert!(matches!(result, Err(Error::TrustRootMismatch { .. })), "{result:?}");
    }
}

#[test]
fn an_old_one_is_refused() {
    let platform = Platform::new();
    let document = platform.attest(Some(&session_data()));
    let judge = |now| verify(&document, &platform.roots, &Expectation::session(NONCE), now);
    assert!(matches!(judge(START + HOUR), Err(Error::DocumentTooOld { .. })));
    assert!(matches!(judge(START + 4 * HOUR), Err(Error::CertificateExpired { .. })));
}

#[test]
fn an_altered_one_is_refused() {
    let platform = Platform::new();
    let document = platform.attest(Some(&session_data()));
    let mut expectation = Expectation::any(ExpectedNonce::Unchecked);
    expectation.freshness = Freshness::OwnTime { max_skew: std::time::Duration::ZERO };
    assert!(verify(&document, &platform.roots, &expectation, START).is_ok());
    for position in (0..document.len()).step_by(7) {
        let mut altered = document.clone();
        altered[position] ^= 1;
        assert!(verify(&altered, &platform.roots, &expectation, START).is_err(), "byte {position}");
    }
}

#[test]
fn a_module_without_measurements_looks_like_debug_mode() {
    let folder = Folder::new();
    let pki = Pki::create(&folder.join("nsm"), START).unwrap();
    let roots = TrustRoots::development(vec![pki.root().to_vec()]).unwrap();
    let zero = Measurements { pcr0: [0; 48], pcr1: [0; 48], pcr2: [0; 48] };
    let nsm = SimulatedNsm::start(pki, &zero, || START).unwrap();
    let fields =
        AttestationFields { nonce: Some(NONCE), user_data: Some(&session_data()), ..Default::default() };
    let document = nsm.attest(fields).unwrap();
    let result = verify(&document, &roots, &Expectation::session(NONCE), START);
    assert!(matches!(result, Err(Error::DebugModeEnclave { index: 0 })), "{result:?}");
}
