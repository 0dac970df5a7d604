use core::fmt;
use core::ops::RangeInclusive;
use std::collections::BTreeMap;

use super::error::Error;
use super::payload::Pcr;
use super::release::{Evidence, Release};
use crate::{ErrorCode, UnixTime};

/// Releases that alternatives may multiply to; nobody means more.
const MAX_COMBINATIONS: usize = 256;
/// What releases of alternatives are called.
const ALTERNATIVES: &str = "pcrs";
/// The registers that measure an image as it was built.
const IMAGE: RangeInclusive<u8> = 0..=2;

/// Which code, holding whose secret, a verifier accepts.
///
/// A policy names at least one release, and each release pins code; what pins nothing cannot be
/// built, so there is no way to check nothing by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy(Rule);

#[derive(Clone, PartialEq, Eq)]
enum Rule {
    Releases { first: Release, others: Vec<Release> },
    AnyCode,
}

impl Policy {
    /// A policy that accepts each of `releases`, the first one that fits.
    pub fn new(releases: Vec<Release>) -> Result<Self, PolicyError> {
        for release in &releases {
            if let Some(index) = release.pcrs.keys().copied().find(|index| *index > 31) {
                return Err(PolicyError::PcrIndex { release: release.name.clone(), index });
            }
            if !release.pins_code() {
                return Err(PolicyError::NothingPinned { release: release.name.clone() });
            }
        }
        let mut releases = releases.into_iter();
        let first = releases.next().ok_or(PolicyError::NoRelease)?;
        Ok(Self(Rule::Releases { first, others: releases.collect() }))
    }

    /// INSECURE: accepts whatever code runs in the enclave, and whatever vault it holds: all of check
    /// 8 is left out. Every other check is made, debug mode is refused, and `Debug` says so.
    pub fn insecure_any_code() -> Self {
        Self(Rule::AnyCode)
    }

    /// Whether it is [`insecure_any_code`](Self::insecure_any_code).
    pub fn accepts_any_code(&self) -> bool {
        matches!(self.0, Rule::AnyCode)
    }

    /// The releases in their order; none if the policy accepts any code.
    pub fn releases(&self) -> impl Iterator<Item = &Release> {
        let (first, others) = match &self.0 {
            Rule::Releases { first, others } => (Some(first), others.as_slice()),
            Rule::AnyCode => (None, &[][..]),
        };
        first.into_iter().chain(others)
    }

    /// A policy of every combination of these values, in the place of what each release pins there: the
    /// first system let its callers say several values for each register. Where they name an image, by PCR0
    /// or by PCR1 and PCR2, nothing stays of what a release pins in these three. Whatever else a release
    /// wants stays: other registers, its vault, its end.
    ///
    /// # Errors
    /// [`PolicyError`]: no alternatives, or none for a register; more than 256 releases; a policy that accepts
    /// any code, which has no release to begin with.
    pub fn with_alternatives(&self, alternatives: &BTreeMap<u8, Vec<Pcr>>) -> Result<Self, PolicyError> {
        if alternatives.is_empty() {
            return Err(PolicyError::NothingPinned { release: ALTERNATIVES.to_owned() });
        }
        let names = |index| alternatives.contains_key(&index);
        let image_is_named = names(0) || names(1) && names(2);
        let mut kept: Vec<Release> = Vec::new();
        for release in self.releases() {
            let mut release = Release { name: ALTERNATIVES.to_owned(), ..release.clone() };
            release.pcrs.retain(|index, _| !(image_is_named && IMAGE.contains(index)));
            if !kept.contains(&release) {
                kept.push(release);
            }
        }
        let mut combinations = vec![BTreeMap::new()];
        for (index, values) in alternatives {
            let with = |pcrs: &BTreeMap<u8, Pcr>, value| {
                let mut pcrs = pcrs.clone();
                pcrs.insert(*index, value);
                pcrs
            };
            let releases = combinations.len().saturating_mul(values.len()).saturating_mul(kept.len());
            if releases > MAX_COMBINATIONS {
                return Err(PolicyError::TooManyCombinations);
            }
            combinations =
                combinations.iter().flat_map(|pcrs| values.iter().map(|value| with(pcrs, *value))).collect();
        }
        let with = |release: &Release, pcrs: &BTreeMap<u8, Pcr>| {
            let mut release = release.clone();
            release.pcrs.extend(pcrs);
            release
        };
        Self::new(
            kept.iter().flat_map(|release| combinations.iter().map(|pcrs| with(release, pcrs))).collect(),
        )
    }

    /// Whether a release with this digest is approved at `time`.
    pub fn approves(&self, digest: &[u8; 32], time: UnixTime) -> bool {
        self.releases().any(|release| release.digest() == *digest && release.is_approved_at(time))
    }

    /// The first release whose registers all have these values, whatever its vault and its end.
    pub fn matching(&self, pcrs: &BTreeMap<u8, Pcr>) -> Option<&Release> {
        let has = |(index, value): (&u8, &Pcr)| pcrs.get(index) == Some(value);
        self.releases().find(|release| release.pcrs.iter().all(has))
    }

    /// Check 8: the first release that fits; `None` if any code is accepted. When none fits, the error
    /// is that of the nearest, and of the first among equally near ones.
    pub(super) fn judge(&self, evidence: &Evidence<'_>) -> Result<Option<&Release>, Error> {
        let Rule::Releases { first, others } = &self.0 else { return Ok(None) };
        let Err(mut nearest) = first.judge(evidence) else { return Ok(Some(first)) };
        for release in others {
            match release.judge(evidence) {
                Ok(()) => return Ok(Some(release)),
                Err(misfit) if misfit.distance < nearest.distance => nearest = misfit,
                Err(_) => {}
            }
        }
        Err(*nearest.error)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.accepts_any_code() {
            return f.write_str("Policy(INSECURE: any code)");
        }
        f.write_str("Policy")?;
        f.debug_list().entries(self.releases().map(|release| &release.name)).finish()
    }
}

/// Why releases make no policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyError {
    /// There is no release.
    NoRelease,
    /// A release pins nothing that says which code runs.
    NothingPinned {
        /// The release.
        release: String,
    },
    /// A release pins a register that does not exist.
    PcrIndex {
        /// The release.
        release: String,
        /// The index.
        index: u8,
    },
    /// Alternatives for registers make more than 256 combinations.
    TooManyCombinations,
}

impl PolicyError {
    /// The class of this error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::ConfigError
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRelease => f.write_str("a policy without a release would accept nothing or anything"),
            Self::NothingPinned { release } => write!(
                f,
                "release {release:?} pins no code: PCR0, PCR1 with PCR2, or PCR8 has to be there, and not zero"
            ),
            Self::PcrIndex { release, index } => {
                write!(f, "release {release:?} pins PCR{index}, and there are PCR0 to PCR31")
            }
            Self::TooManyCombinations => write!(f, "more than {MAX_COMBINATIONS} combinations of PCRs"),
        }
    }
}

impl core::error::Error for PolicyError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(pcrs: &[(u8, [u8; 48])]) -> Release {
        let pcrs: BTreeMap<_, _> = pcrs.iter().copied().collect();
        Release { name: "test".into(), pcrs, vault: None, not_after: None }
    }

    #[test]
    fn a_policy_that_would_check_nothing_cannot_be_built() {
        let one = [1; 48];
        assert_eq!(Policy::new(Vec::new()), Err(PolicyError::NoRelease));
        for pcrs in [&[][..], &[(3, one)], &[(1, one)], &[(2, one)], &[(0, [0; 48])], &[(8, [0; 48])]] {
            assert!(matches!(Policy::new(vec![release(pcrs)]), Err(PolicyError::NothingPinned { .. })));
        }
        assert!(matches!(
            Policy::new(vec![release(&[(0, one), (32, one)])]),
            Err(PolicyError::PcrIndex { index: 32, .. })
        ));
        for pcrs in [&[(0, one)][..], &[(1, one), (2, one)], &[(8, one)]] {
            assert!(Policy::new(vec![release(pcrs)]).is_ok());
        }
    }

    #[test]
    fn alternatives_multiply_and_the_rest_of_each_release_stays() {
        let with_vault = |vault| Release { vault, ..release(&[(0, [9; 48])]) };
        let retired = Release {
            vault: Some([3; 32]),
            not_after: Some(UnixTime::from_seconds(100)),
            ..release(&[(0, [8; 48]), (1, [8; 48]), (4, [7; 48])])
        };
        let policy =
            Policy::new(vec![with_vault(Some([2; 32])), with_vault(None), with_vault(None), retired.clone()])
                .unwrap();
        let values = |bytes: &[u8]| bytes.iter().map(|byte| [*byte; 48]).collect::<Vec<_>>();
        let pcrs = |policy: &Policy, vault| {
            let made = policy.releases().filter(|release| release.vault == vault);
            let pcrs =
                |release: &Release| release.pcrs.iter().map(|(index, value)| (*index, value[0])).collect();
            made.map(pcrs).collect::<Vec<Vec<_>>>()
        };
        let made = policy.with_alternatives(&BTreeMap::from([(0, values(&[1, 2]))])).unwrap();
        for vault in [Some([2; 32]), None] {
            assert_eq!(pcrs(&made, vault), [[(0, 1)], [(0, 2)]]);
        }
        assert_eq!(pcrs(&made, retired.vault), [[(0, 1), (4, 7)], [(0, 2), (4, 7)]]);
        let of_the_retired = |release: &&Release| release.vault == retired.vault;
        assert!(made.releases().filter(of_the_retired).all(|release| release.not_after == retired.not_after));

        let alternatives = BTreeMap::from([(0, values(&[1])), (4, values(&[3]))]);
        let made = policy.with_alternatives(&alternatives).unwrap();
        assert_eq!(pcrs(&made, retired.vault), [[(0, 1), (4, 3)]]);
        // Who names no image means the policy's.
        for (index, expected) in [
            (1, vec![(0, 8), (1, 5), (4, 7)]),
            (3, vec![(0, 8), (1, 8), (3, 5), (4, 7)]),
            (8, vec![(0, 8), (1, 8), (4, 7), (8, 5)]),
        ] {
            let made = policy.with_alternatives(&BTreeMap::from([(index, values(&[5]))])).unwrap();
            assert_eq!(pcrs(&made, retired.vault), [expected]);
        }
        let kernel_and_application = BTreeMap::from([(1, values(&[5])), (2, values(&[6]))]);
        let made = policy.with_alternatives(&kernel_and_application).unwrap();
        assert_eq!(pcrs(&made, retired.vault), [[(1, 5), (2, 6), (4, 7)]]);

        let refused = |alternatives| policy.with_alternatives(&alternatives).unwrap_err();
        assert!(matches!(refused(BTreeMap::new()), PolicyError::NothingPinned { .. }));
        // Three kinds of release times 86.
        let many = BTreeMap::from([(0, values(&(1..=86).collect::<Vec<_>>()))]);
        assert_eq!(refused(many), PolicyError::TooManyCombinations);
        assert_eq!(refused(BTreeMap::from([(0, vec![])])), PolicyError::NoRelease);
        let many = (0..4).map(|index| (index, vec![[1; 48]; 5])).collect();
        assert_eq!(refused(many), PolicyError::TooManyCombinations);
        let any_code = Policy::insecure_any_code().with_alternatives(&alternatives);
        assert_eq!(any_code, Err(PolicyError::NoRelease));
    }

    #[test]
    fn releases_are_found_by_digest_and_by_measurements() {
        let end = Some(UnixTime::from_seconds(100));
        let known = Release { not_after: end, ..release(&[(0, [1; 48]), (4, [5; 48])]) };
        let policy = Policy::new(vec![known.clone()]).unwrap();
        assert!(policy.approves(&known.digest(), UnixTime::from_millis(100_999)));
        assert!(!policy.approves(&known.digest(), UnixTime::from_seconds(101)));
        assert!(!policy.approves(&[0; 32], UnixTime::from_seconds(1)));
        assert_eq!(policy.matching(&known.pcrs), Some(&known));
        assert_eq!(policy.matching(&BTreeMap::from([(0, [1; 48])])), None);
        assert_eq!(Policy::insecure_any_code().matching(&known.pcrs), None);
    }

    #[test]
    fn accepting_any_code_is_loud() {
        assert!(format!("{:?}", Policy::insecure_any_code()).contains("INSECURE"));
    }
}
