use cape_core::crypto::{Kem, Sha256};
use cape_core::envelope::{self, PrivateKey, TEXT_MARK};
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
    /// What the handler is given: the input, opened when it is a ciphertext.
    pub(super) fn open(
        self,
        function: &Signed<Manifest>,
        vault: &Vault,
        now: UnixTime,
    ) -> Result<Given, CallError> {
        let sealed = self.data.starts_with(TEXT_MARK);
        let data = if sealed { open(&self.data, function, vault, now)? } else { self.data };
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

/// The plaintext of a ciphertext. Only keys of the account whose function it is open it, and only
/// within the ciphertext's own use rules; a failure is an error, never the ciphertext itself.
fn open(
    data: &[u8],
    function: &Signed<Manifest>,
    vault: &Vault,
    now: UnixTime,
) -> Result<Vec<u8>, CallError> {
    // It carries neither account nor rules, so its form does not matter.
    if envelope::is_version_one(data) {
        return Err(refused(envelope::Error::UnsupportedVersion { version: 1 }));
    }
    let header = envelope::inspect(data).map_err(refused)?;
    let keys = account_keys(&header, function, vault)?;
    let keys: Vec<_> = keys.iter().collect();
    let checksum = function.checksum();
    let opened =
        envelope::open_text_with(data, &keys, |context| context.use_rules()?.check(checksum.as_bytes(), now));
    opened.map(|opened| opened.plaintext).map_err(|error| refused_key(error, function))
}

/// The account's keys that the header's stanzas may be for: of each kind, the first epoch that a
/// stanza names, or all of the function's epochs when a stanza names nobody.
pub(super) fn account_keys(
    header: &envelope::Header,
    function: &Signed<Manifest>,
    vault: &Vault,
) -> Result<Vec<PrivateKey>, CallError> {
    let mut keys = Vec::new();
    for kem in [Kem::XWing, Kem::X25519] {
        let ids: Vec<_> = header
            .stanzas
            .iter()
            .filter(|stanza| stanza.key_type == kem.id())
            .map(|stanza| stanza.key_id)
            .collect();
        let anonymous = ids.iter().any(|id| id.is_anonymous());
        for epoch in function.epochs().filter(|_| !ids.is_empty()) {
            let key =
                PrivateKey::from_kem(vault.account_key(kem, function.account, epoch)).map_err(refused)?;
            let named = ids.contains(&key.public_key().key_id());
            if named || anonymous {
                keys.push(key);
            }
            if named {
                break;
            }
        }
    }
    Ok(keys)
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
