use core::fmt;
use std::collections::BTreeMap;

use super::Salts;
use super::map::{ContentError, MapWriter, UnknownKeys, read_content, required};
use crate::ErrorCode;
use crate::encoding::cbor::{self, Key, Reader, Writer};

/// Why a call failed, as the enclave tells the caller of that call and nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorMessage {
    /// The name of the error's class; a newer enclave may know more of them than [`ErrorCode`].
    pub name: String,
    /// What happened, for people.
    pub message: String,
    /// Facts, by name: `limit`, `retry_after`, `traceback`.
    pub details: BTreeMap<String, String>,
    /// The receipt of a run whose handler had begun.
    pub receipt: Option<Vec<u8>>,
    /// The salts of that receipt.
    pub salts: Option<Salts>,
    /// The key that signed it, SPKI in DER.
    pub receipt_key: Option<Vec<u8>>,
    /// As of [`End`](super::End).
    pub input_taken: Option<u64>,
}

impl ErrorMessage {
    /// An error without details.
    pub fn new(class: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            name: class.name().to_owned(),
            message: message.into(),
            details: BTreeMap::new(),
            receipt: None,
            salts: None,
            receipt_key: None,
            input_taken: None,
        }
    }

    /// The same error with one more fact.
    #[must_use]
    pub fn with_detail(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.details.insert(name.into(), value.into());
        self
    }

    /// The class of the error, if it is known here.
    pub fn class(&self) -> Option<ErrorCode> {
        ErrorCode::from_name(&self.name)
    }

    pub(in crate::session) fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.entry(1).text(&self.name);
        map.entry(2).text(&self.message);
        if !self.details.is_empty() {
            encode_details(&self.details, map.entry(3));
        }
        if let Some(receipt) = &self.receipt {
            map.entry(4).bytes(receipt);
        }
        if let Some(salts) = &self.salts {
            map.entry(5).raw(&salts.encode());
        }
        if let Some(receipt_key) = &self.receipt_key {
            map.entry(6).bytes(receipt_key);
        }
        if let Some(input_taken) = self.input_taken {
            map.entry(7).uint(input_taken);
        }
        map.into_bytes()
    }

    pub(in crate::session) fn decode(content: &[u8]) -> Result<Self, ContentError> {
        let (mut name, mut message, mut details) = (None, None, BTreeMap::new());
        let (mut receipt, mut salts, mut receipt_key, mut input_taken) = (None, None, None, None);
        read_content(content, UnknownKeys::Ignored, |key, reader| {
            match key {
                1 => name = Some(reader.text()?.to_owned()),
                2 => message = Some(reader.text()?.to_owned()),
                3 => details = decode_details(reader)?,
                4 => receipt = Some(reader.bytes()?.to_vec()),
                5 => salts = Some(Salts::decode(reader, UnknownKeys::Ignored)?),
                6 => receipt_key = Some(reader.bytes()?.to_vec()),
                7 => input_taken = Some(reader.uint()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let (name, message) = (required(1, name)?, required(2, message)?);
        Ok(Self { name, message, details, receipt, salts, receipt_key, input_taken })
    }
}

/// Text keys in the deterministic order: the shorter first (RFC 8949, section 4.2.1).
fn encode_details(details: &BTreeMap<String, String>, writer: &mut Writer) {
    let mut entries: Vec<_> = details.iter().collect();
    entries.sort_by_key(|(name, _)| (name.len(), *name));
    writer.map(entries.len());
    for (name, value) in entries {
        writer.text(name).text(value);
    }
}

fn decode_details(reader: &mut Reader<'_>) -> Result<BTreeMap<String, String>, ContentError> {
    let mut details = BTreeMap::new();
    let mut map = reader.map()?;
    loop {
        let offset = reader.offset();
        match map.next_key(reader)? {
            None => return Ok(details),
            Some(Key::Text(name)) => details.insert(name.to_owned(), reader.text()?.to_owned()),
            Some(_) => return Err(cbor::Error::WrongType { expected: "a text string", offset }.into()),
        };
    }
}

/// Shows the class. What a failed function says may hold the caller's data.
impl fmt::Debug for ErrorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorMessage")
            .field("name", &self.name)
            .field("message_bytes", &self.message.len())
            .field("details", &self.details.keys())
            .finish_non_exhaustive()
    }
}
