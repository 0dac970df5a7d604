use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::statement::{BrokenRule, Signed, Statement, StatementType, Version};
use super::{AccountId, Error, seconds};
use crate::encoding::base64url;
use crate::{Randomness, UnixTime};

/// How far a request's `iat` may lie from the clock that judges it, either way.
const MAX_DISTANCE: Duration = Duration::from_secs(120);

/// A request to the control plane that carries no statement of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The version of this form.
    pub v: Version,
    /// Who asks.
    pub account: AccountId,
    /// The HTTP method, upper case.
    pub method: String,
    /// The path as sent, without the query.
    pub path: String,
    /// `iat`: when it was made.
    #[serde(rename = "iat", with = "seconds")]
    pub issued_at: UnixTime,
    /// What makes it another request than any before: 16 to 128 letters, digits, `-` and `_`.
    pub nonce: String,
}

impl Request {
    /// A request made `now`, with a random nonce.
    pub fn new(
        account: AccountId,
        method: &str,
        path: &str,
        now: UnixTime,
        rng: &mut dyn Randomness,
    ) -> Self {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        Self {
            v: Version,
            account,
            method: method.to_owned(),
            path: path.to_owned(),
            issued_at: seconds::whole(now),
            nonce: base64url::encode(&nonce),
        }
    }
}

impl Signed<Request> {
    /// Judges it: it is for this method and path, and of now. Whether its nonce was used before is
    /// left to who keeps nonces.
    pub fn verify(&self, method: &str, path: &str, now: UnixTime) -> Result<(), Error> {
        if (self.method.as_str(), self.path.as_str()) != (method, path) {
            return Err(Error::RequestDiffers { method: self.method.clone(), path: self.path.clone() });
        }
        if self.issued_at.plus(MAX_DISTANCE) < now || self.issued_at > now.plus(MAX_DISTANCE) {
            return Err(Error::RequestNotFresh { issued_at: self.issued_at, now });
        }
        Ok(())
    }
}

impl Statement for Request {
    const TYPE: StatementType = StatementType::Request;

    fn account(&self) -> AccountId {
        self.account
    }

    fn check(&self) -> Result<(), BrokenRule> {
        BrokenRule::unless(is_method(&self.method), "method", "1 to 16 upper-case letters")?;
        BrokenRule::unless(
            is_path(&self.path),
            "path",
            "printable ASCII from / on, at most 1024 characters",
        )?;
        BrokenRule::unless(is_nonce(&self.nonce), "nonce", "16 to 128 letters, digits, - and _")
    }
}

fn is_method(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.len() <= 1024 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_nonce(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
