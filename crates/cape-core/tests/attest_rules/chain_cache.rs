//! The cache of chains: it spares signatures, and no verdict depends on what it holds.

use core::time::Duration;
use std::sync::Arc;
use std::thread;

use cape_core::UnixTime;
use cape_core::attest::{ChainCache, ChainDefect, Error, Freshness};

use crate::chain::{Chain, LEAF, REGION, ZONE};
use crate::document::{Forge, NOW, uint};
use crate::verifier::{Verifier, chain_defect};
use crate::x509::{Key, SECP384R1, public_key};

#[test]
fn a_cache_spares_signatures_and_nothing_else() {
    let forge = Forge::new();
    let cache = ChainCache::new();
    let verifier = Verifier::of(&forge);
    for _ in 0..2 {
        assert!(verifier.judge_with(&forge.document(), Some(&cache)).is_ok());
        assert_eq!(cache.len(), 4);
    }
    // The same certificate under another issuer's key is another entry.
    let mut certificates = forge.certificates.clone();
    certificates.remove(ZONE);
    let shortened = Forge::issued(forge.chain.clone(), certificates);
    let verdict = verifier.judge_with(&shortened.document(), Some(&cache));
    assert_eq!(chain_defect(verdict), (ZONE, ChainDefect::Signature));
    assert_eq!(cache.len(), 4, "what did not hold is not remembered");
}

#[test]
fn what_does_not_hold_is_never_remembered() {
    let genuine = Forge::new();
    let verifier = Verifier::of(&genuine);
    let mut certificates = genuine.certificates.clone();
    certificates[ZONE] = genuine.chain.certificates[ZONE].signed_by(&Key::generate());
    let poisoned = Forge::issued(genuine.chain.clone(), certificates).document();
    let cache = ChainCache::new();
    for _ in 0..2 {
        let verdict = verifier.judge_with(&poisoned, Some(&cache));
        assert_eq!(chain_defect(verdict), (ZONE, ChainDefect::Signature));
        assert_eq!(cache.len(), 1, "the region, which holds");
    }
    assert!(verifier.judge_with(&genuine.document(), Some(&cache)).is_ok());
    let verdict = verifier.judge_with(&poisoned, Some(&cache));
    assert_eq!(chain_defect(verdict), (ZONE, ChainDefect::Signature));
}

#[test]
fn roots_share_it_without_vouching_for_each_other() {
    let (one, other) = (Forge::new(), Forge::of(with_other_keys()));
    let cache = ChainCache::new();
    for _ in 0..2 {
        for forge in [&one, &other] {
            assert!(Verifier::of(forge).judge_with(&forge.document(), Some(&cache)).is_ok());
        }
    }
    assert_eq!(cache.len(), 8);
    for (root, below) in [(&one, &other), (&other, &one)] {
        let verdict = Verifier::of(root).judge_with(&below.document(), Some(&cache));
        assert!(matches!(verdict, Err(Error::TrustRootMismatch { .. })), "{verdict:?}");
        let grafted = [&root.certificates[..REGION], &below.certificates[REGION..]].concat();
        let grafted = Forge::issued(below.chain.clone(), grafted).document();
        let verdict = Verifier::of(root).judge_with(&grafted, Some(&cache));
        assert_eq!(chain_defect(verdict), (REGION, ChainDefect::Signature));
    }
    assert_eq!(cache.len(), 8);
}

/// The same names, and nothing else.
fn with_other_keys() -> Chain {
    Chain::with(|chain| {
        for (certificate, key) in chain.certificates.iter_mut().zip(&mut chain.keys) {
            *key = Arc::new(Key::generate());
            certificate.public_key = public_key(SECP384R1, key.point());
        }
    })
}

#[test]
fn what_is_remembered_is_refused_once_it_ended() {
    let mut forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    let cache = ChainCache::new();
    assert!(verifier.judge_with(&forge.document(), Some(&cache)).is_ok());
    // The leaf's last second, and the millisecond after it.
    let end = UnixTime::parse("2026-11-24T06:00:00Z").unwrap();
    for (millis, accepted) in [(999, true), (1000, false)] {
        verifier.now = end.plus(Duration::from_millis(millis));
        forge.set("timestamp", uint(verifier.now.as_millis()));
        match verifier.judge_with(&forge.document(), Some(&cache)) {
            Ok(_) => assert!(accepted),
            Err(Error::CertificateExpired { certificate: LEAF, .. }) => assert!(!accepted),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn however_little_it_holds_the_verdict_is_the_same() {
    let forge = Forge::new();
    let verifier = Verifier::of(&forge);
    for capacity in 0..5 {
        let cache = ChainCache::with_capacity(capacity);
        for _ in 0..3 {
            assert!(verifier.judge_with(&forge.document(), Some(&cache)).is_ok());
            assert_eq!(cache.len(), capacity.min(4));
        }
    }
}

/// Its time is its own claim: it must not decide what is forgotten.
#[test]
fn a_document_that_is_kept_leaves_it_alone() {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    verifier.expectation.freshness = Freshness::OwnTime { max_skew: Duration::ZERO };
    verifier.now = NOW.plus(Duration::from_secs(86_400));
    let cache = ChainCache::new();
    assert!(verifier.judge_with(&forge.document(), Some(&cache)).is_ok());
    assert!(cache.is_empty());
}

#[test]
fn threads_share_it() {
    let (genuine, other) = (Forge::new(), Forge::of(with_other_keys()));
    let mut certificates = genuine.certificates.clone();
    certificates[ZONE] = genuine.chain.certificates[ZONE].signed_by(&Key::generate());
    let poisoned = Forge::issued(genuine.chain.clone(), certificates);
    // Less room than there are certificates, so that they push each other out.
    let cache = ChainCache::with_capacity(5);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (cache, genuine, other, poisoned) = (&cache, &genuine, &other, &poisoned);
            scope.spawn(move || {
                for round in 0..6 {
                    let (forge, accepted) = match (thread + round) % 3 {
                        0 => (genuine, true),
                        1 => (other, true),
                        _ => (poisoned, false),
                    };
                    let verdict = Verifier::of(forge).judge_with(&forge.document(), Some(cache));
                    assert_eq!(verdict.is_ok(), accepted, "{verdict:?}");
                    assert!(cache.len() <= 5);
                }
            });
        }
    });
}
