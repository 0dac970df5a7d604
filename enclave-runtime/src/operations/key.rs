use cape_core::identity::{AccountId, Records};
use cape_core::session::{Answer, End, KeyAnswer, KeyRequest};

use super::{Call, CallError};

/// States an account's encryption key, of the epoch that the account's own record says.
pub(super) fn key(call: &Call, request: KeyRequest) -> Result<End, CallError> {
    let account = AccountId::from_bytes(request.account);
    let records = Records::read(call.open.statements.iter().map(String::as_str))?;
    let epoch = records.epoch_of(account)?;
    let key = call.runtime.vault.account_key(request.kem, account, epoch);
    let public_key = key
        .public_key()
        .map_err(|error| CallError::service(format!("the account's key was not derived: {error}")))?;
    let answer = KeyAnswer { request, epoch, public_key };
    Ok(End { answer: Some(Answer::Key(answer)), ..End::default() })
}
