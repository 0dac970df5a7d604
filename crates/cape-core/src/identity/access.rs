//! Who may run a function: decided inside the enclave, at every OPEN, from what the caller brings.

use super::jws::claimed_type;
use super::{
    AccountId, EpochRecord, Error, Manifest, OwnerProof, OwnerSession, RevocationList, RevocationNumbers,
    Signed, Statement, StatementType, Token,
};
use crate::UnixTime;

/// A caller's right to a call, whose signature holds; what it is good for now, [`authorize`] says.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The account's own proof of a session.
    OwnerProof(Signed<OwnerProof>),
    /// A token.
    Token(Signed<Token>),
}

impl Credential {
    /// Reads what a call brings: exactly one of a token and an owner proof.
    pub fn read(token: Option<&str>, owner_proof: Option<&str>) -> Result<Self, Error> {
        match (token, owner_proof) {
            (Some(token), None) => Signed::read(token).map(Self::Token),
            (None, Some(proof)) => Signed::read(proof).map(Self::OwnerProof),
            (None, None) => Err(Error::CredentialsMissing),
            (Some(_), Some(_)) => Err(Error::CredentialsAmbiguous),
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The account whose function it is.
    Owner(AccountId),
    /// Whoever holds this token.
    Bearer(Token),
}

impl Caller {
    /// The account that calls, when it proved to be there itself.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Owner(account) => Some(*account),
            Self::Bearer(_) => None,
        }
    }
}

/// Decides whether a call of `function` over `session` may run now, and says who makes it.
pub fn authorize(
    function: &Signed<Manifest>,
    credential: &Credential,
    records: &Records,
    session: &OwnerSession,
    numbers: &RevocationNumbers,
    now: UnixTime,
) -> Result<Caller, Error> {
    let caller = match credential {
        Credential::Token(token) => {
            token.verify(function, now)?;
            Caller::Bearer(Token::clone(token))
        }
        Credential::OwnerProof(proof) => {
            proof.verify(function.account, session)?;
            Caller::Owner(function.account)
        }
    };
    let list = records.revocations_of(function.account)?;
    if let Some(list) = list {
        numbers.admit(list)?;
        list.check_function(function.checksum())?;
        if let Caller::Bearer(token) = &caller {
            list.check_token(token)?;
        }
    }
    function.check_freshness(list.map(|list| &**list), now)?;
    Ok(caller)
}

/// The records that a client brings in OPEN: at most one of each type.
#[derive(Clone, Debug, Default)]
pub struct Records {
    epoch: Option<Signed<EpochRecord>>,
    revocations: Option<Signed<RevocationList>>,
}

impl Records {
    /// Reads compact JWS of the types `cape-epoch+jws` and `cape-revocations+jws`.
    pub fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut records = Self::default();
        for text in texts {
            let repeated = match claimed_type(text) {
                Some(StatementType::Epoch) => records.epoch.replace(Signed::read(text)?).is_some(),
                Some(StatementType::Revocations) => {
                    records.revocations.replace(Signed::read(text)?).is_some()
                }
                _ => return Err(Error::RecordUnknown),
            };
            if repeated {
                return Err(Error::RecordRepeated);
            }
        }
        Ok(records)
    }

    /// The epoch that an account's encryption keys have come to: its record's, else 0.
    pub fn epoch_of(&self, account: AccountId) -> Result<u32, Error> {
        of_account(self.epoch.as_ref(), account, StatementType::Epoch)
            .map(|record| record.map_or(0, |it| it.epoch))
    }

    /// The account's revocation list, if it is among the records.
    pub fn revocations_of(&self, account: AccountId) -> Result<Option<&Signed<RevocationList>>, Error> {
        of_account(self.revocations.as_ref(), account, StatementType::Revocations)
    }
}

/// The record, which has to be of this account if it is there.
fn of_account<T: Statement>(
    record: Option<&Signed<T>>,
    account: AccountId,
    statement_type: StatementType,
) -> Result<Option<&Signed<T>>, Error> {
    match record {
        Some(record) if record.account() != account => {
            Err(Error::WrongAccount { statement_type, expected: account, actual: record.account() })
        }
        record => Ok(record),
    }
}
