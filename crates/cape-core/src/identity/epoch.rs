use serde::{Deserialize, Serialize};

use super::AccountId;
use super::statement::{BrokenRule, Statement, StatementType, Version};

/// An account's encryption keys have come to this epoch. Epoch 0 needs no record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// The version of this form.
    pub v: Version,
    /// Whose keys.
    pub account: AccountId,
    /// The epoch: 1 to 2^32 - 1.
    pub epoch: u32,
}

impl Statement for EpochRecord {
    const TYPE: StatementType = StatementType::Epoch;

    fn account(&self) -> AccountId {
        self.account
    }

    fn check(&self) -> Result<(), BrokenRule> {
        BrokenRule::unless(self.epoch >= 1, "epoch", "1 to 2^32 - 1")
    }
}
