//! Every bit of every real document, changed alone: refused by checks 1 to 5, so before anything that
//! the document says is looked at.
//!
//! No change can be right: the tag, the heads and both headers are each compared with the one form
//! they may have, the payload is signed, certificates are signed up to a root that is compared byte
//! for byte, and of the signature's 96 bytes another value that holds (r, n - s) is many bits away. But
//! one of these documents is itself another one with its last bit changed: changed back, it holds.
//!
//! All of them are tried by `make mutations`, one of so many by `make mutations STEP=16`, and some by other
//! builds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use cape_core::ErrorCode;
use cape_core::attest::{
    ChainCache, Document, Expectation, ExpectedNonce, Policy, TrustRoots, VerifiedAttestation,
};

use crate::nitro_documents::{Sample, first_of_cabundle, samples};

const BEFORE_ANY_CLAIM: [ErrorCode; 5] = [
    ErrorCode::CertificateExpired,
    ErrorCode::ChainInvalid,
    ErrorCode::DocumentMalformed,
    ErrorCode::SignatureInvalid,
    ErrorCode::TrustRootMismatch,
];

/// Judges bytes as if they were this document, asking nothing that they could answer wrongly.
fn judge(
    sample: &Sample,
    bytes: &[u8],
    roots: &TrustRoots,
    cache: Option<&ChainCache>,
) -> Result<VerifiedAttestation, ErrorCode> {
    let expectation = Expectation::any(ExpectedNonce::Unchecked);
    Document::parse(bytes)
        .and_then(|it| it.verify(roots, &Policy::insecure_any_code(), &expectation, sample.made(), cache))
        .map_err(|error| error.code())
}

/// One of how many bits is tried, where a build is fast enough for all of them.
fn step() -> usize {
    std::env::var("CAPE_MUTATIONS_STEP").map_or(1, |step| step.parse().expect("a number"))
}

/// How many changes were refused.
fn refused(sample: &Sample, samples: &[Sample], cache: Option<&ChainCache>) -> usize {
    let roots = match sample.is("aws_root") {
        true => TrustRoots::aws(),
        false => TrustRoots::development(vec![first_of_cabundle(&sample.bytes)]).unwrap(),
    };
    let _ = judge(sample, &sample.bytes, &roots, cache);
    let bits = sample.bytes.len() * 8;
    let step = if cfg!(debug_assertions) { bits / 48 + 1 } else { step() };
    let mut harmed = sample.bytes.clone();
    let mut repaired = 0;
    let changes = (0..bits).step_by(step);
    for bit in changes.clone() {
        harmed[bit / 8] ^= 1 << (bit % 8);
        match judge(sample, &harmed, &roots, cache) {
            Err(code) if BEFORE_ANY_CLAIM.contains(&code) => {}
            Ok(_) if samples.iter().any(|genuine| genuine.bytes == harmed) => repaired += 1,
            other => panic!("{}: bit {bit}: {other:?}", sample.file),
        }
        harmed[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(harmed, sample.bytes);
    assert!(repaired <= usize::from(!sample.is("cose_signature_ok")), "{}", sample.file);
    changes.count() - repaired
}

fn refused_of_all(with_cache: bool) {
    let (begin, samples, next, refusals) =
        (Instant::now(), samples(), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(sample) = samples.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cache = with_cache.then(ChainCache::new);
                    refusals.fetch_add(refused(sample, &samples, cache.as_ref()), Ordering::Relaxed);
                }
            });
        }
    });
    let changes = refusals.into_inner();
    assert_eq!(changes == 0, samples.is_empty());
    println!("{changes} changed bits of {} documents refused in {:?}", samples.len(), begin.elapsed());
}

#[test]
fn each_is_refused() {
    refused_of_all(false);
}

#[test]
fn each_is_refused_when_the_chain_is_remembered() {
    refused_of_all(true);
}
