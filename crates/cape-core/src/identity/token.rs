use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::statement::{BrokenRule, Signed, Statement, StatementType, present};
use super::{AccountId, Checksum, Error, Manifest, seconds};
use crate::encoding::base64url;
use crate::{Randomness, UnixTime};

/// How far a token's `iat` may lie ahead of the clock that judges it.
const SKEW: Duration = Duration::from_secs(120);

/// The right to run one function, for whoever holds it: a JWT (RFC 7519).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// `iss`: the account that grants it.
    #[serde(rename = "iss")]
    pub account: AccountId,
    /// `sub`: the function.
    #[serde(rename = "sub")]
    pub function: Checksum,
    /// `aud`: what it is good for.
    #[serde(rename = "aud")]
    pub audience: Audience,
    /// `iat`: when it was made.
    #[serde(rename = "iat", with = "seconds")]
    pub issued_at: UnixTime,
    /// `exp`: the moment from which it counts no more.
    #[serde(rename = "exp", with = "seconds")]
    pub expires: UnixTime,
    /// `jti`: names it in revocation lists. 1 to 64 letters, digits, `-` and `_`.
    pub jti: String,
    /// What its maker calls it: 1 to 128 bytes without control characters.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audience {
    /// `cape/run`: running the function.
    #[default]
    #[serde(rename = "cape/run")]
    Run,
}

impl Token {
    /// How long a token counts unless its maker says otherwise: 30 days.
    pub const DEFAULT_LIFETIME: Duration = days(30);
    /// The longest that a token may count: 90 days.
    pub const MAX_LIFETIME: Duration = days(90);

    /// A token from `now` on, with a random `jti`.
    pub fn new(
        account: AccountId,
        function: Checksum,
        now: UnixTime,
        lifetime: Duration,
        rng: &mut dyn Randomness,
    ) -> Self {
        let mut jti = [0; 16];
        rng.fill_bytes(&mut jti);
        let issued_at = seconds::whole(now);
        Self {
            account,
            function,
            audience: Audience::Run,
            issued_at,
            expires: seconds::whole(issued_at.plus(lifetime)),
            jti: base64url::encode(&jti),
            name: None,
        }
    }
}

impl Signed<Token> {
    /// Judges it for a call of `function`: whose it is, for what, and whether its time has come and
    /// is not over. Whether it was revoked is said by
    /// [`RevocationList::check_token`](super::RevocationList::check_token).
    pub fn verify(&self, function: &Signed<Manifest>, now: UnixTime) -> Result<(), Error> {
        if self.function != function.checksum() {
            return Err(Error::TokenWrongFunction { expected: function.checksum(), actual: self.function });
        }
        if self.account != function.account {
            return Err(Error::WrongAccount {
                statement_type: StatementType::Token,
                expected: function.account,
                actual: self.account,
            });
        }
        if self.issued_at > now.plus(SKEW) {
            return Err(Error::TokenFromFuture { issued_at: self.issued_at, now });
        }
        if self.expires <= now {
            return Err(Error::TokenExpired { expired: self.expires, now });
        }
        Ok(())
    }
}

impl Statement for Token {
    const TYPE: StatementType = StatementType::Token;

    fn account(&self) -> AccountId {
        self.account
    }

    fn check(&self) -> Result<(), BrokenRule> {
        let lifetime = self.issued_at..=self.issued_at.plus(Self::MAX_LIFETIME);
        BrokenRule::unless(
            self.expires != self.issued_at && lifetime.contains(&self.expires),
            "exp",
            "later than iat, by at most 90 days",
        )?;
        BrokenRule::unless(is_jti(&self.jti), "jti", "1 to 64 letters, digits, - and _")?;
        BrokenRule::unless(
            self.name.as_deref().is_none_or(is_label),
            "name",
            "1 to 128 bytes without control characters",
        )
    }
}

/// Whether a text can be a token's `jti`.
pub(super) fn is_jti(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_label(text: &str) -> bool {
    (1..=128).contains(&text.len()) && !text.contains(char::is_control)
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}
