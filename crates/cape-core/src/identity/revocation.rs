use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::json::MAX_INTEGER;
use super::statement::{BrokenRule, Signed, Statement, StatementType, Version};
use super::token::is_jti;
use super::{AccountId, Checksum, Error, Manifest, Token, seconds};
use crate::UnixTime;

/// How far a list's `iat` may lie ahead of the clock that judges it.
const SKEW: Duration = Duration::from_secs(120);

/// Tokens and functions of an account that count no more. A new list replaces the one before, so it
/// repeats what still matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationList {
    /// The version of this form.
    pub v: Version,
    /// Whose tokens and functions these are.
    pub account: AccountId,
    /// Rises with each list of the account: 1 to 2^53 - 1.
    pub number: u64,
    /// `iat`: when it was made.
    #[serde(rename = "iat", with = "seconds")]
    pub issued_at: UnixTime,
    /// The `jti` of each revoked token.
    pub jtis: Vec<String>,
    /// The checksum of each revoked function: it does not run any more, for nobody.
    pub checksums: Vec<Checksum>,
}

impl RevocationList {
    /// A list of nothing yet, made `now`.
    pub fn new(account: AccountId, number: u64, now: UnixTime) -> Self {
        let issued_at = seconds::whole(now);
        Self { v: Version, account, number, issued_at, jtis: Vec::new(), checksums: Vec::new() }
    }

    /// Refuses a token that is on the list.
    pub fn check_token(&self, token: &Token) -> Result<(), Error> {
        if self.jtis.contains(&token.jti) {
            return Err(Error::TokenRevoked { jti: token.jti.clone(), number: self.number });
        }
        Ok(())
    }

    /// Refuses a function that is on the list.
    pub fn check_function(&self, function: Checksum) -> Result<(), Error> {
        if self.checksums.contains(&function) {
            return Err(Error::FunctionRevoked { checksum: function, number: self.number });
        }
        Ok(())
    }
}

impl Manifest {
    /// Checks that `list` is as fresh as the manifest demands, if it does.
    pub fn check_freshness(&self, list: Option<&RevocationList>, now: UnixTime) -> Result<(), Error> {
        let Some(max_age_s) = self.revocation_max_age_s else { return Ok(()) };
        let list = list.ok_or(Error::RevocationsMissing { max_age_s })?;
        let expires = list.issued_at.plus(Duration::from_secs(max_age_s.into()));
        if now > expires || list.issued_at > now.plus(SKEW) {
            return Err(Error::RevocationsNotFresh { issued_at: list.issued_at, now, max_age_s });
        }
        Ok(())
    }
}

impl Statement for RevocationList {
    const TYPE: StatementType = StatementType::Revocations;

    fn account(&self) -> AccountId {
        self.account
    }

    fn check(&self) -> Result<(), BrokenRule> {
        BrokenRule::unless((1..=MAX_INTEGER).contains(&self.number), "number", "1 to 2^53 - 1")?;
        BrokenRule::unless(
            self.jtis.iter().all(|jti| is_jti(jti)),
            "jtis",
            "texts of 1 to 64 letters, digits, - and _",
        )
    }
}

/// The highest number of a list that was seen of each account, so that an older list is not taken
/// for the present one. Kept in memory, for a bounded number of accounts: those whose lists were
/// seen last.
#[derive(Debug, Default)]
pub struct RevocationNumbers(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    accounts: BTreeMap<AccountId, LastSeen>,
    admissions: u64,
}

#[derive(Debug)]
struct LastSeen {
    number: u64,
    admission: u64,
}

impl RevocationNumbers {
    /// How many accounts are remembered.
    pub const MAX_ACCOUNTS: usize = 65_536;

    /// Admits a list unless one with a higher number was seen before.
    pub fn admit(&self, list: &Signed<RevocationList>) -> Result<(), Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).admit(list.account, list.number)
    }
}

impl Seen {
    fn admit(&mut self, account: AccountId, number: u64) -> Result<(), Error> {
        if let Some(seen) = self.accounts.get(&account).filter(|seen| number < seen.number) {
            return Err(Error::RevocationsNumberLower { number, seen: seen.number });
        }
        self.admissions += 1;
        self.accounts.insert(account, LastSeen { number, admission: self.admissions });
        if self.accounts.len() > RevocationNumbers::MAX_ACCOUNTS {
            self.forget_oldest();
        }
        Ok(())
    }

    fn forget_oldest(&mut self) {
        let oldest = self.accounts.iter().min_by_key(|(_, seen)| seen.admission).map(|(account, _)| *account);
        if let Some(account) = oldest {
            self.accounts.remove(&account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_forgets_the_account_seen_longest_ago() {
        let account = |index: u32| {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&index.to_be_bytes());
            AccountId::from_bytes(key)
        };
        let mut seen = Seen::default();
        for index in 0..65_536 {
            seen.admit(account(index), 9).unwrap();
        }
        seen.admit(account(0), 9).unwrap();
        seen.admit(account(65_536), 9).unwrap();
        assert_eq!(seen.accounts.len(), RevocationNumbers::MAX_ACCOUNTS);
        assert!(seen.admit(account(0), 8).is_err());
        assert!(seen.admit(account(1), 8).is_ok());
    }
}
