use cape_core::crypto::Kem;
use cape_core::envelope::{self, PrivateKey, TEXT_MARK};
use cape_core::identity::{Manifest, Signed, Vault};
use cape_core::{ErrorCode, UnixTime};

use super::CallError;
use crate::connection::Input;

/// All of the input, of at most `limit` bytes.
pub(super) async fn whole(input: &mut Input, limit: u64) -> Result<Vec<u8>, CallError> {
    let mut data = input.next().await?.unwrap_or_default();
    loop {
        if data.len() as u64 > limit {
            return Err(CallError::too_large("input", data.len() as u64, limit));
        }
        match input.next().await? {
            Some(part) => data.extend_from_slice(&part),
            None => return Ok(data),
        }
    }
}

/// What the handler is given: the input, opened when it is a ciphertext. Only keys of the account
/// whose function it is open it, and only within the ciphertext's own use rules; a failure is an
/// error, never the ciphertext itself.
pub(super) fn open(
    data: Vec<u8>,
    function: &Signed<Manifest>,
    vault: &Vault,
    now: UnixTime,
) -> Result<Vec<u8>, CallError> {
    if !data.starts_with(TEXT_MARK) {
        return Ok(data);
    }
    let header = envelope::inspect(&data).map_err(refused)?;
    let keys = account_keys(&header, function, vault)?;
    let keys: Vec<_> = keys.iter().collect();
    let checksum = function.checksum();
    let opened = envelope::open_text_with(&data, &keys, |context| {
        context.use_rules()?.check(checksum.as_bytes(), now)
    });
    opened.map(|opened| opened.plaintext).map_err(|error| match error {
        envelope::Error::NotARecipient { .. } => for_other_keys(function),
        error => refused(error),
    })
}

/// The account's keys that the header's stanzas may be for: of each kind, the first epoch that a
/// stanza names, or all of the function's epochs when a stanza names nobody.
fn account_keys(
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

fn refused(error: envelope::Error) -> CallError {
    CallError::new(error.code(), error.to_string())
}
