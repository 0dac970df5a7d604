use super::jws::claimed_type;
use super::statement::{Signed, Statement, StatementType};
use super::{AccountId, EpochRecord, Error, Manifest, NameClaim, OwnerProof, Request, RevocationList, Token};

/// A statement of whichever type its header says, for those who want to look at it. Its signature holds
/// and its rules of form are kept, as those of the [`Signed`] one that it is.
#[derive(Clone, PartialEq, Eq)]
pub struct AnyStatement {
    statement_type: StatementType,
    account: AccountId,
    payload: Vec<u8>,
}

impl AnyStatement {
    /// Reads a compact JWS; `None` if its header is that of no statement.
    pub fn read(text: &str) -> Result<Option<Self>, Error> {
        let Some(statement_type) = claimed_type(text) else { return Ok(None) };
        match statement_type {
            StatementType::Epoch => Self::of::<EpochRecord>(text),
            StatementType::Manifest => Self::of::<Manifest>(text),
            StatementType::Name => Self::of::<NameClaim>(text),
            StatementType::Owner => Self::of::<OwnerProof>(text),
            StatementType::Request => Self::of::<Request>(text),
            StatementType::Revocations => Self::of::<RevocationList>(text),
            StatementType::Token => Self::of::<Token>(text),
        }
        .map(Some)
    }

    fn of<T: Statement>(text: &str) -> Result<Self, Error> {
        let signed = Signed::<T>::read(text)?;
        Ok(Self { statement_type: T::TYPE, account: signed.account(), payload: signed.payload().to_vec() })
    }

    /// What kind of statement it is.
    pub fn statement_type(&self) -> StatementType {
        self.statement_type
    }

    /// Who signed it.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The octets that were signed: an object of JSON.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}
