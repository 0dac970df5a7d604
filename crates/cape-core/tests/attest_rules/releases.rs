//! Check 8: of several releases one has to fit, and the error is that of the nearest.

use cape_core::UnixTime;
use cape_core::attest::{Error, Policy, Release};

use crate::document::{Forge, VAULT};
use crate::verifier::{Verifier, release};

const PAST: Option<UnixTime> = Some(UnixTime::from_seconds(1_700_000_000));

/// Differs in so many of PCR0 to PCR2.
fn differing(name: &str, count: u8) -> Release {
    let pin = |index: u8| (index, [if index < count { 0xee } else { index + 1 }; 48]);
    release(name, &[pin(0), pin(1), pin(2)])
}

fn verdict(releases: Vec<Release>) -> Result<String, Error> {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    verifier.policy = Policy::new(releases).unwrap();
    verifier.judge(&forge.document()).map(|verified| verified.release().unwrap().name.clone())
}

#[test]
fn the_first_that_fits_counts() {
    assert_eq!(verdict(vec![differing("a", 1), differing("b", 0), differing("c", 0)]).unwrap(), "b");
    let expired = Release { not_after: PAST, ..differing("a", 0) };
    assert_eq!(verdict(vec![expired, differing("b", 0)]).unwrap(), "b");
}

#[test]
fn the_nearest_is_told() {
    let mismatch = |name: &str| {
        Err(Error::PcrMismatch {
            release: name.into(),
            index: 0,
            expected: [0xee; 48],
            actual: Some([1; 48]),
        })
    };
    assert_eq!(verdict(vec![differing("a", 3), differing("b", 1), differing("c", 2)]), mismatch("b"));
    assert_eq!(verdict(vec![differing("a", 2), differing("b", 2)]), mismatch("a"));
    let other_vault = Release { vault: Some([0xee; 32]), ..differing("vault", 0) };
    assert_eq!(
        verdict(vec![differing("a", 1), other_vault.clone()]),
        Err(Error::VaultMismatch {
            release: "vault".into(),
            expected: Some([0xee; 32]),
            actual: Some(VAULT)
        })
    );
    let expired = Release { not_after: PAST, ..differing("time", 0) };
    let told = verdict(vec![differing("a", 1), other_vault, expired]);
    assert!(matches!(&told, Err(Error::ReleaseExpired { release, .. }) if release == "time"), "{told:?}");
}

#[test]
fn among_equally_near_ones_the_first_is_told() {
    let told = |releases: [Release; 2]| match verdict(releases.to_vec()) {
        Err(Error::PcrMismatch { release, .. })
        | Err(Error::VaultMismatch { release, .. })
        | Err(Error::ReleaseExpired { release, .. }) => release,
        other => panic!("{other:?}"),
    };
    let other_vault = |name, vault| Release { vault: Some([vault; 32]), ..differing(name, 0) };
    let ended = |name, end| Release { not_after: Some(UnixTime::from_seconds(end)), ..differing(name, 0) };
    let one_bit = |name| {
        let mut release = differing(name, 0);
        release.pcrs.get_mut(&1).unwrap()[0] ^= 1;
        release
    };
    assert_eq!(told([differing("far", 1), one_bit("near")]), "far", "a register differs or does not");
    assert_eq!(told([other_vault("one", 1), other_vault("two", 2)]), "one");
    assert_eq!(told([ended("long ago", 1), ended("yesterday", 1_795_000_000)]), "long ago");
    let both = Release { not_after: PAST, ..other_vault("both", 1) };
    assert_eq!(told([both, ended("ended", 1)]), "ended", "its vault is looked at before its end");
}

#[test]
fn the_lowest_index_that_differs_is_told() {
    let pins = release("pins", &[(0, [1; 48]), (5, [0xee; 48]), (3, [0xee; 48])]);
    assert!(matches!(verdict(vec![pins]), Err(Error::PcrMismatch { index: 3, .. })));
    let untold = release("pins", &[(0, [1; 48]), (31, [0; 48])]);
    assert!(matches!(verdict(vec![untold]), Err(Error::PcrMismatch { index: 31, actual: None, .. })));
}

#[test]
fn any_code_skips_the_policy_and_no_other_check() {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    verifier.policy = Policy::insecure_any_code();
    assert_eq!(verifier.judge(&forge.document()).unwrap().release(), None);
    verifier.now = UnixTime::from_seconds(1);
    assert!(verifier.judge(&forge.document()).is_err());
}
