use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use crate::Error;
use crate::messages::{Description, REGISTER_LENGTH, Register, Request, Response};

/// A Nitro Secure Module.
///
/// An implementation carries bytes; everything else is done here, once for all of them.
pub trait Nsm: Send + Sync {
    /// Sends one encoded [`Request`] and returns the encoded [`Response`].
    ///
    /// # Errors
    ///
    /// [`Error::InputTooLarge`] for a request above
    /// [`REQUEST_MAX`](crate::messages::REQUEST_MAX), [`Error::InternalError`] when there is no
    /// answer. A refusal is a [`Response::Error`], so not an error here.
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, Error>;

    /// The module's description.
    ///
    /// # Errors
    ///
    /// Those of [`Nsm::exchange`], and [`Error::InvalidResponse`].
    fn describe(&self) -> Result<Description, Error> {
        match ask(self, &Request::DescribeNsm)? {
            Response::DescribeNsm(description) => Ok(description),
            _ => Err(Error::InvalidResponse),
        }
    }

    /// A register's value, and whether it is locked.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidIndex`] for a register above 31, and those of [`Nsm::describe`].
    fn describe_pcr(&self, index: u16) -> Result<Register, Error> {
        match ask(self, &Request::DescribePcr { index })? {
            Response::DescribePcr(register) => Ok(register),
            _ => Err(Error::InvalidResponse),
        }
    }

    /// Replaces a register's value by SHA-384(value || data) and returns the new one.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidIndex`], [`Error::ReadOnlyIndex`] for a locked register, and those of
    /// [`Nsm::describe`].
    fn extend_pcr(&self, index: u16, data: &[u8]) -> Result<[u8; REGISTER_LENGTH], Error> {
        let data = data.to_vec();
        match ask(self, &Request::ExtendPcr { index, data })? {
            Response::ExtendPcr { data } => Ok(data.into_array()),
            _ => Err(Error::InvalidResponse),
        }
    }

    /// Makes a register's value final.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidIndex`], [`Error::ReadOnlyIndex`] for a register that is locked already,
    /// and those of [`Nsm::describe`].
    fn lock_pcr(&self, index: u16) -> Result<(), Error> {
        match ask(self, &Request::LockPcr { index })? {
            Response::LockPcr => Ok(()),
            _ => Err(Error::InvalidResponse),
        }
    }

    /// Makes the values of the registers 0 to `range - 1` final, also where some are already.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidIndex`] for a range above 32, and those of [`Nsm::describe`].
    fn lock_pcrs(&self, range: u16) -> Result<(), Error> {
        match ask(self, &Request::LockPcrs { range })? {
            Response::LockPcrs => Ok(()),
            _ => Err(Error::InvalidResponse),
        }
    }

    /// Random bytes; modules give 256 at a time.
    ///
    /// # Errors
    ///
    /// Those of [`Nsm::describe`].
    fn random(&self) -> Result<Vec<u8>, Error> {
        match ask(self, &Request::GetRandom)? {
            Response::GetRandom { random } => Ok(random.into_bytes()),
            _ => Err(Error::InvalidResponse),
        }
    }

    /// A signed document about this enclave: an untagged COSE_Sign1 structure.
    ///
    /// # Errors
    ///
    /// [`Error::InputTooLarge`] when a field is longer than the module takes, and those of
    /// [`Nsm::describe`].
    fn attest(&self, fields: AttestationFields<'_>) -> Result<Vec<u8>, Error> {
        let request = Request::Attestation {
            user_data: fields.user_data.map(ByteBuf::from),
            nonce: fields.nonce.map(ByteBuf::from),
            public_key: fields.public_key.map(ByteBuf::from),
        };
        match ask(self, &request)? {
            Response::Attestation { document } => Ok(document),
            _ => Err(Error::InvalidResponse),
        }
    }
}

/// What an enclave puts into a document of its own. Absent fields are null in the document.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttestationFields<'a> {
    /// At most 512 bytes.
    pub user_data: Option<&'a [u8]>,
    /// At most 512 bytes.
    pub nonce: Option<&'a [u8]>,
    /// At most 1024 bytes.
    pub public_key: Option<&'a [u8]>,
}

fn ask<N: Nsm + ?Sized>(nsm: &N, request: &Request) -> Result<Response, Error> {
    let request = serde_cbor::to_vec(request).map_err(|_| Error::InternalError)?;
    let response = Zeroizing::new(nsm.exchange(&request)?);
    match serde_cbor::from_slice(&response) {
        Ok(Response::Error(error)) => Err(error),
        Ok(response) => Ok(response),
        Err(_) => Err(Error::InvalidResponse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module that gives the same answer to everything.
    struct Constant(Vec<u8>);

    impl Nsm for Constant {
        fn exchange(&self, _request: &[u8]) -> Result<Vec<u8>, Error> {
            Ok(self.0.clone())
        }
    }

    #[test]
    fn a_refusal_becomes_its_error() {
        let nsm = Constant(b"\xa1\x65Error\x6cInvalidIndex".to_vec());
        assert_eq!(nsm.describe_pcr(99), Err(Error::InvalidIndex));
    }

    #[test]
    fn an_answer_to_another_question_is_refused() {
        let nsm = Constant(b"\x67LockPCR".to_vec());
        assert_eq!(nsm.lock_pcr(16), Ok(()));
        assert_eq!(nsm.lock_pcrs(16), Err(Error::InvalidResponse));
        assert_eq!(nsm.random(), Err(Error::InvalidResponse));
        assert_eq!(nsm.describe(), Err(Error::InvalidResponse));
        assert_eq!(nsm.describe_pcr(0), Err(Error::InvalidResponse));
        assert_eq!(nsm.extend_pcr(16, b""), Err(Error::InvalidResponse));
        assert_eq!(nsm.attest(AttestationFields::default()), Err(Error::InvalidResponse));
    }

    #[test]
    fn garbage_and_trailing_bytes_are_refused() {
        for answer in [&b""[..], b"\xff", b"\x67LockPCR\x00", b"\x65Maybe"] {
            let nsm = Constant(answer.to_vec());
            assert_eq!(nsm.lock_pcr(16), Err(Error::InvalidResponse), "{answer:?}");
        }
    }
}
