use cape_core::crypto::Sha256;
use cape_core::envelope::{self, TEXT_MARK};
use cape_core::identity::{Manifest, Signed, Vault};
use cape_core::{ErrorCode, UnixTime};

use super::CallError;
use super::run_record::{InputDigests, salted};
use crate::connection::Input;

/// The input as it was sent.
pub(super) struct Sent {
    data: Vec<u8>,
    /// What a receipt needs of it, where one was asked for.
    digest: Option<Digest>,
}

/// The digest that a receipt has of an input: of a ciphertext the plain one, of anything else the
/// salted one, since that is what the handler is given.
struct Digest {
    salt: [u8; 32],
    hash: Sha256,
    /// Bytes that are in the digest: none before it is known which one it is.
    digested: usize,
}

/// What the handler is given, with its digests where a receipt was asked for.
pub(super) struct Given {
    pub(super) data: Vec<u8>,
    pub(super) digests: Option<InputDigests>,
}

/// All of the input, of at most `limit` bytes; with the salt of its receipt, if there is to be one.
pub(super) async fn whole(input: &mut Input, limit: u64, salt: Option<[u8; 32]>) -> Result<Sent, CallError> {
    let digest = salt.map(|salt| Digest { salt, hash: Sha256::new(), digested: 0 });
    let mut sent = Sent { data: input.next().await?.unwrap_or_default(), digest };
    loop {
        if sent.data.len() as u64 > limit {
            return Err(CallError::too_large("input", None, limit));
        }
        if sent.data.len() >= TEXT_MARK.len() {
            sent.add_to_digest();
        }
        match input.next().await? {
            Some(part) => sent.data.extend_from_slice(&part),
            None => {
                sent.add_to_digest();
                return Ok(sent);
            }
        }
    }
}

impl Sent {
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// What the handler is given: the input, opened when it is a ciphertext.
    pub(super) fn open(
        self,
        function: &Signed<Manifest>,
        vault: &Vault,
        now: UnixTime,
    ) -> Result<Given, CallError> {
        let sealed = self.data.starts_with(TEXT_MARK);
        let data = if sealed {
            vault.open_input(function, &self.data, now).map_err(|error| refused_key(error, function))?
        } else {
            self.data
        };
        let digests = self.digest.map(|Digest { salt, hash, .. }| match sealed {
            true => InputDigests::Whole { given: salted(&salt, &data), ciphertext: Some(hash.finish()) },
            false => InputDigests::Whole { given: hash.finish(), ciphertext: None },
        });
        Ok(Given { data, digests })
    }

    fn add_to_digest(&mut self) {
        let Some(digest) = &mut self.digest else {
            return;
        };
        if digest.digested == 0 && !self.data.starts_with(TEXT_MARK) {
            digest.hash.update(&digest.salt);
        }
        digest.hash.update(&self.data[digest.digested..]);
        digest.digested = self.data.len();
    }
}

/// The ciphertext is another account's, or of an epoch outside the function's: what the manifest says
/// is public, and tells its caller which.
fn for_other_keys(function: &Manifest) -> CallError {
    let (first, last) = function.epochs().into_inner();
    let account = function.account;
    CallError::new(
        ErrorCode::DecryptFailed,
        format!(
            "the ciphertext is for no key that the function opens: it opens those of {account}, \
             epochs {first} to {last}"
        ),
    )
    .with("function_account", account)
    .with("min_epoch", first)
    .with("max_epoch", last)
}

/// Why a ciphertext does not open with the function's keys.
pub(super) fn refused_key(error: envelope::Error, function: &Manifest) -> CallError {
    match error {
        envelope::Error::NotARecipient { .. } => for_other_keys(function),
        error => refused(error),
    }
}

pub(super) fn refused(error: envelope::Error) -> CallError {
    CallError::new(error.code(), error.to_string())
}
