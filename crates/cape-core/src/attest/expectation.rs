use core::time::Duration;

use super::error::Error;
use super::payload::Payload;
use super::user_data::{Use, UserData, UserDataDefect};
use crate::UnixTime;
use crate::crypto::constant_time_eq;

/// What a verifier asks of a document besides the policy.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    /// The question the document has to answer.
    pub nonce: ExpectedNonce<'a>,
    /// What the document was made for.
    pub purpose: Purpose,
    /// When the document has to have been made.
    pub freshness: Freshness,
}

/// The question a document has to answer.
#[derive(Clone, Copy, Debug)]
pub enum ExpectedNonce<'a> {
    /// The document's nonce is exactly these bytes.
    Exactly(&'a [u8]),
    /// The nonce is not looked at; the result says so.
    Unchecked,
}

/// What a document was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Anything: the document may be of any enclave. Its user data is not judged, unless a release
    /// of the policy names a vault.
    Any,
    /// Sessions with one of our enclaves. The policy's release has to name the vault.
    Session,
    /// The birth of a vault. The policy's release has to name the vault.
    VaultBirth,
}

/// When a document has to have been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Just now.
    Recent {
        /// The oldest it may be.
        max_age: Duration,
        /// How far it may be in the future, for clocks that differ.
        max_skew: Duration,
    },
    /// Any time until now: certificates and releases are judged at the document's own time. For
    /// documents that are kept, such as a vault's birth.
    OwnTime {
        /// How far it may be in the future, for clocks that differ.
        max_skew: Duration,
    },
}

/// Five minutes.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// Two minutes.
pub const DEFAULT_MAX_SKEW: Duration = Duration::from_secs(2 * 60);

impl<'a> Expectation<'a> {
    /// A fresh document of whatever enclave.
    pub fn any(nonce: ExpectedNonce<'a>) -> Self {
        Self { nonce, purpose: Purpose::Any, freshness: Freshness::default() }
    }

    /// A fresh document for a session whose binding is `nonce`.
    pub fn session(nonce: &'a [u8]) -> Self {
        Self {
            nonce: ExpectedNonce::Exactly(nonce),
            purpose: Purpose::Session,
            freshness: Freshness::default(),
        }
    }

    /// A vault's birth document, judged at its own time.
    pub fn vault_birth() -> Self {
        Self {
            nonce: ExpectedNonce::Unchecked,
            purpose: Purpose::VaultBirth,
            freshness: Freshness::OwnTime { max_skew: DEFAULT_MAX_SKEW },
        }
    }
}

impl Default for Freshness {
    fn default() -> Self {
        Self::Recent { max_age: DEFAULT_MAX_AGE, max_skew: DEFAULT_MAX_SKEW }
    }
}

impl Freshness {
    /// The time at which certificates and releases are judged.
    pub(super) fn judged_at(self, timestamp: UnixTime, now: UnixTime) -> UnixTime {
        match self {
            Self::Recent { .. } => now,
            Self::OwnTime { .. } => timestamp,
        }
    }

    /// Whether that is the verifier's own time. A document's own is its claim, which must not decide what
    /// a chain cache remembers and forgets.
    pub(super) fn judges_at_now(self) -> bool {
        matches!(self, Self::Recent { .. })
    }

    /// Check 6: the document was made when its chain was valid, and at the right time.
    pub(super) fn check(
        self,
        timestamp: UnixTime,
        (chain_start, chain_end): (UnixTime, UnixTime),
        now: UnixTime,
    ) -> Result<(), Error> {
        let (earliest, latest) = match self {
            Self::Recent { max_age, max_skew } => (now.minus(max_age).max(chain_start), now.plus(max_skew)),
            Self::OwnTime { max_skew } => (chain_start, now.plus(max_skew)),
        };
        // A certificate's last second counts whole.
        let latest = latest.min(chain_end.plus(Duration::from_millis(999)));
        if (earliest..=latest).contains(&timestamp) {
            return Ok(());
        }
        Err(Error::DocumentTooOld { timestamp, judged_at: now, earliest, latest })
    }
}

impl ExpectedNonce<'_> {
    /// Check 7, first part. A document without a nonce answers no question at all.
    pub(super) fn check(self, actual: Option<&[u8]>) -> Result<(), Error> {
        match self {
            Self::Exactly(expected) if !actual.is_some_and(|actual| constant_time_eq(actual, expected)) => {
                Err(Error::NonceMismatch {
                    actual_length: actual.map(<[u8]>::len),
                    expected_length: expected.len(),
                })
            }
            Self::Exactly(_) | Self::Unchecked => Ok(()),
        }
    }
}

impl Purpose {
    /// Check 7, second part: what the document says about itself, if it is one of ours.
    pub(super) fn check(self, payload: &Payload<'_>) -> Result<Option<UserData>, UserDataDefect> {
        let expected = match self {
            Self::Any => return Ok(UserData::of(payload, None).ok()),
            Self::Session => Use::Session,
            Self::VaultBirth => Use::VaultBirth,
        };
        UserData::of(payload, Some(expected)).map(Some)
    }

    /// Whether a release has to name the vault.
    pub(super) fn needs_vault(self) -> bool {
        matches!(self, Self::Session | Self::VaultBirth)
    }
}
