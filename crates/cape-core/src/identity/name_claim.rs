use serde::{Deserialize, Serialize};

use super::AccountId;
use super::statement::{BrokenRule, Statement, StatementType, Version};

/// A name that an account wants to be known by, kept in the directory, first come first served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameClaim {
    /// The version of this form.
    pub v: Version,
    /// Who claims it.
    pub account: AccountId,
    /// The name: 3 to 32 of `a-z`, `0-9` and `-`, the first a letter, and not the beginning of an account id.
    pub name: String,
}

impl Statement for NameClaim {
    const TYPE: StatementType = StatementType::Name;

    fn account(&self) -> AccountId {
        self.account
    }

    fn check(&self) -> Result<(), BrokenRule> {
        BrokenRule::unless(
            is_account_name(&self.name),
            "name",
            "3 to 32 of a-z, 0-9 and -, the first a letter, not beginning with cape1",
        )
    }
}

/// Whether a text can be an account's name. An account id that was cut is none: somebody could claim it.
pub fn is_account_name(text: &str) -> bool {
    (3..=32).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.starts_with("cape1")
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}
