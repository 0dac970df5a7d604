//! Check 6: when a document was made.

use core::time::Duration;

use cape_core::UnixTime;
use cape_core::attest::{Error, Freshness, Policy, Release};

use crate::chain::{Chain, LEAF};
use crate::document::{Forge, NOW, uint};
use crate::verifier::{Verifier, policy};
use crate::x509::{SEQUENCE, der, utc_time};

fn made_at(time: UnixTime) -> Vec<u8> {
    Forge::with(|forge| forge.set("timestamp", uint(time.as_millis())))
}

#[test]
fn from_max_age_to_max_skew_both_included() {
    let mut verifier = Verifier::of(&Forge::new());
    let (age, skew) = (Duration::from_secs(300), Duration::from_secs(120));
    let millisecond = Duration::from_millis(1);
    for time in [NOW.minus(age), NOW, NOW.plus(skew)] {
        assert!(verifier.judge(&made_at(time)).is_ok(), "{time}");
    }
    for timestamp in [NOW.minus(age + millisecond), NOW.plus(skew + millisecond)] {
        let too_old = Error::DocumentTooOld {
            timestamp,
            judged_at: NOW,
            earliest: NOW.minus(age),
            latest: NOW.plus(skew),
        };
        assert_eq!(verifier.judge(&made_at(timestamp)), Err(too_old));
    }
    verifier.expectation.freshness = Freshness::Recent { max_age: Duration::ZERO, max_skew: Duration::ZERO };
    assert!(verifier.judge(&made_at(NOW)).is_ok());
    assert!(verifier.judge(&made_at(NOW.minus(millisecond))).is_err());
    assert!(verifier.judge(&made_at(NOW.plus(millisecond))).is_err());
}

#[test]
fn within_the_chains_validity() {
    let chain = Chain::with(|chain| {
        let validity = [utc_time("261124034700Z"), utc_time("261124034800Z")];
        chain.certificates[LEAF].validity = der(SEQUENCE, &[&validity.concat()]);
    });
    let mut forge = Forge::of(chain);
    let verifier = Verifier::of(&forge);
    let start = UnixTime::parse("2026-11-24T03:47:00Z").unwrap();
    for (millis, accepted) in [(-1, false), (0, true), (60_999, true), (61_000, false)] {
        forge.set("timestamp", uint(start.as_millis().saturating_add_signed(millis)));
        let verdict = verifier.judge(&forge.document());
        match accepted {
            true => assert!(verdict.is_ok(), "{millis}: {verdict:?}"),
            false => assert!(matches!(verdict, Err(Error::DocumentTooOld { .. })), "{millis}: {verdict:?}"),
        }
    }
}

#[test]
fn times_that_no_clock_shows() {
    let verifier = Verifier::of(&Forge::new());
    for timestamp in [1, u64::MAX] {
        let verdict = verifier.judge(&made_at(UnixTime::from_millis(timestamp)));
        assert!(matches!(verdict, Err(Error::DocumentTooOld { .. })), "{verdict:?}");
    }
    for now in [0, u64::MAX] {
        let mut verifier = Verifier::of(&Forge::new());
        verifier.now = UnixTime::from_millis(now);
        assert!(matches!(verifier.judge(&made_at(NOW)), Err(Error::CertificateExpired { .. })));
    }
}

#[test]
fn at_its_own_time_however_long_ago() {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    let skew = Duration::from_secs(120);
    verifier.expectation.freshness = Freshness::OwnTime { max_skew: skew };
    verifier.now = NOW.plus(Duration::from_secs(10 * 365 * 86_400));
    assert!(verifier.judge(&made_at(NOW)).is_ok());
    verifier.now = NOW.minus(skew);
    assert!(verifier.judge(&made_at(NOW)).is_ok());
    verifier.now = NOW.minus(skew + Duration::from_millis(1));
    assert!(matches!(verifier.judge(&made_at(NOW)), Err(Error::DocumentTooOld { .. })));
}

#[test]
fn releases_end_at_the_same_time_that_certificates_are_judged_at() {
    let ends = |not_after: &str| {
        let release = policy(&[(0, [1; 48])]).releases().next().cloned();
        let not_after = UnixTime::parse(not_after);
        Policy::new(vec![Release { not_after, ..release.unwrap() }]).unwrap()
    };
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    verifier.policy = ends("2026-11-24T03:47:36Z");
    assert!(verifier.judge(&forge.document()).is_ok());
    verifier.policy = ends("2026-11-24T03:47:35Z");
    let over = verifier.judge(&forge.document()).unwrap_err();
    assert!(matches!(over, Error::ReleaseExpired { .. }), "{over}");
    let judged_at = "was approved until 2026-11-24T03:47:35Z, and is judged at 2026-11-24T03:47:36Z";
    assert!(over.to_string().ends_with(judged_at), "{over}");
    verifier.expectation.freshness = Freshness::OwnTime { max_skew: Duration::ZERO };
    verifier.now = NOW.plus(Duration::from_secs(86_400));
    assert_eq!(verifier.judge(&forge.document()), Err(over), "the document's own time, not today's");
    verifier.policy = ends("2026-11-24T03:47:36Z");
    assert!(verifier.judge(&forge.document()).is_ok());
}
