use core::fmt;

use super::error::Error;
use super::expectation::Expectation;
use super::form_defect::FormDefect;
use super::message::{Receipt, Unverified};
use super::verified::VerifiedReceipt;
use crate::attest::{
    self, DEFAULT_MAX_SKEW, Document, Expectation as DocumentExpectation, ExpectedNonce, Freshness, Policy,
    Purpose, TrustRoots,
};
use crate::encoding::cbor::{self, Form, Key, Reader, Writer};
use crate::{ErrorCode, UnixTime};

const VERSION: u64 = 2;
/// The largest document, and what is beside it.
const MAX_BYTES: usize = 36 * 1024;

/// A receipt with all that it takes to verify it: the key that signed it, and the attestation document
/// that vouches for the key. None of it is believed yet.
pub struct ReceiptFile<'a> {
    receipt: Receipt<'a>,
    key: &'a [u8],
    document: &'a [u8],
}

impl<'a> ReceiptFile<'a> {
    /// The file's form and the receipt's.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            let size = FormDefect::Size { actual: bytes.len(), limit: MAX_BYTES };
            return Err(Error::Malformed(size));
        }
        let [receipt, key, document] = read_parts(bytes).map_err(Error::Malformed)?;
        Ok(Self { receipt: Receipt::parse(receipt)?, key, document })
    }

    /// Judges the document at its own time, as one that opened a session, then the receipt. No chain is
    /// remembered, since it is judged at that time.
    pub fn verify(
        self,
        roots: &TrustRoots,
        policy: &Policy,
        expectation: &Expectation<'_>,
        now: UnixTime,
    ) -> Result<VerifiedReceipt, FileError> {
        let of_document = DocumentExpectation {
            // The session's leaf hangs on it, and the enclave states the leaf.
            nonce: ExpectedNonce::Unchecked,
            purpose: Purpose::Session,
            freshness: Freshness::OwnTime { max_skew: DEFAULT_MAX_SKEW },
        };
        let document = Document::parse(self.document).map_err(FileError::attestation)?;
        let attestation =
            document.verify(roots, policy, &of_document, now, None).map_err(FileError::attestation)?;
        self.receipt.verify(self.key, &attestation, expectation).map_err(FileError::Receipt)
    }

    /// What the receipt claims, for people to look at.
    pub fn inspect(&self) -> Unverified {
        self.receipt.inspect()
    }
}

/// Why a file proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// Its document does not hold.
    Attestation(Box<attest::Error>),
    /// Its receipt does not.
    Receipt(Error),
}

impl FileError {
    /// The class of this error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Attestation(error) => error.code(),
            Self::Receipt(error) => error.code(),
        }
    }

    /// The facts by name, as text.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Attestation(error) => error.details(),
            Self::Receipt(error) => error.details(),
        }
    }

    fn attestation(error: attest::Error) -> Self {
        Self::Attestation(Box::new(error))
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attestation(error) => error.fmt(f),
            Self::Receipt(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for FileError {}

pub(super) fn encode(receipt: &[u8], key: &[u8], document: &[u8]) -> Vec<u8> {
    let mut file = Writer::new();
    file.map(4).uint(1).uint(VERSION);
    file.uint(2).bytes(receipt).uint(3).bytes(key).uint(4).bytes(document);
    file.into_bytes()
}

fn read_parts(bytes: &[u8]) -> Result<[&[u8]; 3], FormDefect> {
    let (mut version, mut receipt, mut key, mut document) = (None, None, None, None);
    let mut reader = Reader::new(bytes, Form::Deterministic);
    let mut map = reader.map()?;
    while let Some(name) = map.next_key(&mut reader)? {
        match name {
            // The first key: what another version has besides is not judged by this one's rules.
            Key::Uint(1) => version = Some(read_version(&mut reader)?),
            Key::Uint(2) => receipt = Some(reader.bytes()?),
            Key::Uint(3) => key = Some(reader.bytes()?),
            Key::Uint(4) => document = Some(reader.bytes()?),
            other => return Err(FormDefect::FileKeyUnknown { key: other.to_string() }),
        }
    }
    reader.finish()?;
    required(1, version)?;
    Ok([required(2, receipt)?, required(3, key)?, required(4, document)?])
}

fn read_version(reader: &mut Reader<'_>) -> Result<(), FormDefect> {
    match reader.uint()? {
        VERSION => Ok(()),
        other => Err(FormDefect::FileVersion(other)),
    }
}

fn required<T>(key: u64, value: Option<T>) -> Result<T, FormDefect> {
    value.ok_or(FormDefect::FileKeyMissing { key })
}

/// Of the file: the receipt's own are told apart where they come up.
impl From<cbor::Error> for FormDefect {
    fn from(error: cbor::Error) -> Self {
        Self::File(error)
    }
}
