use core::fmt;

use crate::encoding::cbor::{self, Form, Key, Reader, Writer};

/// Why bytes are not the content they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentError {
    /// Not the CBOR it should be.
    Cbor(cbor::Error),
    /// A key of a map is not there.
    KeyMissing {
        /// The key.
        key: u64,
    },
    /// A key that is not known, or that does not belong to this operation.
    KeyUnknown {
        /// The key.
        key: String,
    },
    /// More bytes than it ever has.
    Size {
        /// Bytes there are.
        actual: usize,
        /// Bytes there may be.
        limit: usize,
    },
    /// A value that is not allowed.
    Value {
        /// Its key.
        key: u64,
        /// What it should be.
        expected: &'static str,
    },
}

impl From<cbor::Error> for ContentError {
    fn from(error: cbor::Error) -> Self {
        Self::Cbor(error)
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cbor(error) => error.fmt(f),
            Self::KeyMissing { key } => write!(f, "key {key} is missing"),
            Self::KeyUnknown { key } => write!(f, "key {key} does not belong here"),
            Self::Size { actual, limit } => write!(f, "{actual} bytes where at most {limit} are read"),
            Self::Value { key, expected } => write!(f, "key {key} is not {expected}"),
        }
    }
}

impl core::error::Error for ContentError {}

/// What happens to keys that the reader does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum UnknownKeys {
    /// Their values are skipped: newer enclaves may say more.
    Ignored,
    /// The content is refused.
    Refused,
}

/// Reads content that is one map. `read` is given each key and reads its value, or returns `false`
/// and reads nothing.
pub(in crate::session) fn read_content<'a>(
    bytes: &'a [u8],
    unknown: UnknownKeys,
    read: impl FnMut(u64, &mut Reader<'a>) -> Result<bool, ContentError>,
) -> Result<(), ContentError> {
    let mut reader = Reader::new(bytes, Form::Deterministic);
    read_map(&mut reader, unknown, read)?;
    Ok(reader.finish()?)
}

/// Reads a map inside content.
pub(in crate::session) fn read_map<'a>(
    reader: &mut Reader<'a>,
    unknown: UnknownKeys,
    mut read: impl FnMut(u64, &mut Reader<'a>) -> Result<bool, ContentError>,
) -> Result<(), ContentError> {
    let mut map = reader.map()?;
    while let Some(key) = map.next_key(reader)? {
        match key {
            Key::Uint(key) if read(key, reader)? => {}
            Key::Uint(_) if unknown == UnknownKeys::Ignored => reader.skip()?,
            // Keys are unsigned integers, whoever may have more of them.
            _ => return Err(ContentError::KeyUnknown { key: key.to_string() }),
        }
    }
    Ok(())
}

/// The value that a map must have.
pub(in crate::session) fn required<T>(key: u64, value: Option<T>) -> Result<T, ContentError> {
    value.ok_or(ContentError::KeyMissing { key })
}

/// Writes a map whose entries are not counted beforehand; the keys must come rising.
#[derive(Default)]
pub(in crate::session) struct MapWriter {
    entries: usize,
    writer: Writer,
}

impl MapWriter {
    pub(in crate::session) fn new() -> Self {
        Self::default()
    }

    /// The writer for the value of `key`.
    pub(in crate::session) fn entry(&mut self, key: u64) -> &mut Writer {
        self.entries += 1;
        self.writer.uint(key)
    }

    pub(in crate::session) fn into_bytes(self) -> Vec<u8> {
        let mut map = Writer::new();
        map.map(self.entries).raw(&self.writer.into_bytes());
        map.into_bytes()
    }
}
