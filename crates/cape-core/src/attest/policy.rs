use core::fmt;

use super::error::Error;
use super::release::{Evidence, Release};
use crate::ErrorCode;

/// Which code, holding whose secret, a verifier accepts.
///
/// A policy names at least one release, and each release pins code; what pins nothing cannot be
/// built, so there is no way to check nothing by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy(Rule);

#[derive(Clone, PartialEq, Eq)]
enum Rule {
    Releases(Vec<Release>),
    AnyCode,
}

impl Policy {
    /// A policy that accepts each of `releases`, the first one that fits.
    pub fn new(releases: Vec<Release>) -> Result<Self, PolicyError> {
        if releases.is_empty() {
            return Err(PolicyError::NoRelease);
        }
        for release in &releases {
            if let Some(index) = release.pcrs.keys().copied().find(|index| *index > 31) {
                return Err(PolicyError::PcrIndex { release: release.name.clone(), index });
            }
            if !release.pins_code() {
                return Err(PolicyError::NothingPinned { release: release.name.clone() });
            }
        }
        Ok(Self(Rule::Releases(releases)))
    }

    /// INSECURE: accepts whatever code runs in the enclave, and whatever vault it holds: all of check
    /// 8 is left out. Every other check is made, debug mode is refused, and `Debug` says so.
    pub fn insecure_any_code() -> Self {
        Self(Rule::AnyCode)
    }

    /// The releases in their order; none if the policy accepts any code.
    pub fn releases(&self) -> &[Release] {
        match &self.0 {
            Rule::Releases(releases) => releases,
            Rule::AnyCode => &[],
        }
    }

    /// Check 8: the first release that fits; `None` if any code is accepted. When none fits, the error
    /// is that of the nearest, and of the first among equally near ones.
    pub(super) fn judge(&self, evidence: &Evidence<'_>) -> Result<Option<&Release>, Error> {
        let Rule::Releases(releases) = &self.0 else { return Ok(None) };
        let mut nearest = None;
        for release in releases {
            match release.judge(evidence) {
                Ok(()) => return Ok(Some(release)),
                Err((distance, error)) => match &nearest {
                    Some((least, _)) if *least <= distance => {}
                    _ => nearest = Some((distance, error)),
                },
            }
        }
        nearest.map_or(Ok(None), |(_, error)| Err(error))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::Releases(releases) => {
                f.write_str("Policy")?;
                f.debug_list().entries(releases.iter().map(|release| &release.name)).finish()
            }
            Rule::AnyCode => f.write_str("Policy(INSECURE: any code)"),
        }
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
        }
    }
}

impl core::error::Error for PolicyError {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
    fn accepting_any_code_is_loud() {
        assert!(format!("{:?}", Policy::insecure_any_code()).contains("INSECURE"));
    }
}
