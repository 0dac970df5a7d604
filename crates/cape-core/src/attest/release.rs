use std::collections::BTreeMap;

use super::error::Error;
use super::payload::{Pcr, Registers};
use crate::UnixTime;
use crate::crypto::sha256;
use crate::encoding::cbor::Writer;

/// Code that a policy approves: the measurements of one image, and whose secret it may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// What people call it: `runtime 0.2.0`.
    pub name: String,
    /// The registers that are pinned, by index (0 to 31).
    pub pcrs: BTreeMap<u8, Pcr>,
    /// The vault id; needed to open a session.
    pub vault: Option<[u8; 32]>,
    /// The last second at which it is approved.
    pub not_after: Option<UnixTime>,
}

/// What an enclave is measured by, and asked for.
pub(super) struct Evidence<'a> {
    pub(super) pcrs: &'a Registers<'a>,
    /// The vault id that the document names.
    pub(super) vault: Option<[u8; 32]>,
    /// Whether the release has to name a vault.
    pub(super) needs_vault: bool,
    pub(super) judged_at: UnixTime,
}

impl Release {
    /// Identifies what is approved, whatever its name and end: SHA-256("cape/2 release" || CBOR
    /// {"pcrs": {index: value}, "vault": vault id}); without a vault, the map has the first key only
    /// (`docs/spec/attestation.md`, policy).
    pub fn digest(&self) -> [u8; 32] {
        let mut writer = Writer::new();
        writer.map(1 + usize::from(self.vault.is_some()));
        writer.text("pcrs").map(self.pcrs.len());
        for (index, value) in &self.pcrs {
            writer.uint(u64::from(*index)).bytes(value);
        }
        if let Some(vault) = &self.vault {
            writer.text("vault").bytes(vault);
        }
        sha256(&[b"cape/2 release", &writer.into_bytes()])
    }

    /// Whether the pins determine which code runs: PCR0 measures the whole image, PCR1 and PCR2 its
    /// two halves, PCR8 who signed it. A register of zeros says nothing: PCR8 is zero in every image
    /// that is not signed, and the others in every enclave in debug mode.
    pub(super) fn pins_code(&self) -> bool {
        let pins = |index: u8| self.pcrs.get(&index).is_some_and(|value| *value != [0; 48]);
        pins(0) || (pins(1) && pins(2)) || pins(8)
    }

    /// Whether it is still approved at `time`: `not_after` counts to the end of its second.
    pub fn is_approved_at(&self, time: UnixTime) -> bool {
        self.not_after.is_none_or(|not_after| time.as_seconds() <= not_after.as_seconds())
    }

    /// Check 8 against this release: registers, then vault, then the release's end.
    pub(super) fn judge(&self, evidence: &Evidence<'_>) -> Result<(), Misfit> {
        let mut differing =
            self.pcrs.iter().filter(|(index, value)| evidence.pcrs.get(**index) != Some(value));
        if let Some((index, expected)) = differing.next() {
            let error = Error::PcrMismatch {
                release: self.name.clone(),
                index: *index,
                expected: *expected,
                actual: evidence.pcrs.get(*index).copied(),
            };
            return Err(Misfit {
                distance: Distance::Registers(1 + differing.count()),
                error: Box::new(error),
            });
        }
        let vault_holds = match self.vault {
            Some(vault) => evidence.vault == Some(vault),
            None => !evidence.needs_vault,
        };
        if !vault_holds {
            let error = Error::VaultMismatch {
                release: self.name.clone(),
                expected: self.vault,
                actual: evidence.vault,
            };
            return Err(Misfit { distance: Distance::Vault, error: Box::new(error) });
        }
        match self.not_after {
            Some(not_after) if !self.is_approved_at(evidence.judged_at) => {
                let judged_at = evidence.judged_at;
                let error = Error::ReleaseExpired { release: self.name.clone(), not_after, judged_at };
                Err(Misfit { distance: Distance::Time, error: Box::new(error) })
            }
            _ => Ok(()),
        }
    }
}

/// That an enclave is not of a release.
pub(super) struct Misfit {
    pub(super) distance: Distance,
    pub(super) error: Box<Error>,
}

/// How far an enclave is from a release, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Distance {
    /// Only the release's time is over.
    Time,
    /// Another vault.
    Vault,
    /// So many registers that differ.
    Registers(usize),
}
