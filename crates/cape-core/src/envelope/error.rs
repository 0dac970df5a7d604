use core::fmt;

use super::context::MAX_CONTEXT_LENGTH;
use super::header::{MAX_ANONYMOUS, MAX_HEADER_LENGTH, MAX_RECIPIENTS};
use super::key_id::KeyId;
use crate::{ErrorCode, UnixTime};

/// Why an envelope was not made or not opened, or a key not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A buffer shorter than what is to be written to it.
    BufferTooSmall {
        /// Bytes to be written.
        needed: usize,
        /// Bytes there are.
        actual: usize,
    },
    /// Recipients of an envelope are to be changed into what would break a rule of form.
    ChangeRefused(Defect),
    /// A chunk of the payload was altered, moved, or cut off in the middle.
    ChunkAltered {
        /// The chunk, counted from zero.
        index: u64,
    },
    /// No key unwraps the file key, or the header's MAC or the commitment does not hold: one error for
    /// all of them, so that it tells an attacker nothing.
    DecryptFailed,
    /// The same key would be a recipient twice.
    DuplicateRecipient {
        /// Its key id.
        key_id: KeyId,
    },
    /// A key that breaks a rule of form of its kind.
    KeyInvalid {
        /// What kind of key it should be: `x25519`, `xwing`, `rsa`.
        kind: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// A text that is no key: `capepk1...` or `capesk1...` is wanted.
    KeyText {
        /// The prefix wanted.
        prefix: &'static str,
    },
    /// A rule of form of the envelope is broken.
    Malformed(Defect),
    /// The system has no memory for so much.
    NoMemory {
        /// Bytes that were asked for.
        bytes: usize,
    },
    /// Neither the text nor the binary form of an envelope.
    NotAnEnvelope,
    /// A payload goes on in pieces that are no whole chunks.
    NotWholeChunks {
        /// Bytes of the piece.
        length: usize,
        /// Bytes of a chunk.
        chunk: usize,
    },
    /// No stanza names any of the keys, and none that names nobody is of their kinds.
    NotARecipient {
        /// Recipients the envelope has.
        recipients: usize,
    },
    /// No recipient has this key id, or it is that of recipients who are not told.
    RecipientUnknown {
        /// The key id.
        key_id: KeyId,
    },
    /// RSA is asked for, and this build has no RSA (it takes the feature `aws-lc`).
    RsaUnavailable,
    /// The text form where the binary form is wanted: in a stream or a file that is read in parts.
    TextForm,
    /// A payload of more than 2^38 chunks.
    TooLong,
    /// The envelope ends too early.
    Truncated(Truncation),
    /// A version this library does not open.
    UnsupportedVersion {
        /// The version.
        version: u64,
    },
    /// A payload suite that is not known.
    UnsupportedSuite {
        /// Its number.
        suite: u8,
    },
    /// Flags that are not known.
    UnsupportedFlags {
        /// All sixteen.
        flags: u16,
    },
    /// A kind of key that is not known.
    UnsupportedKeyType {
        /// Its number.
        key_type: u16,
    },
    /// The ciphertext may not be used any more.
    UseExpired {
        /// Until when it might.
        not_after: UnixTime,
    },
    /// The ciphertext is for other functions only.
    UseForbidden {
        /// Functions it is for.
        functions: usize,
    },
    /// A use rule's value is not of the form the specification wants.
    UseRuleMalformed {
        /// The rule's key.
        key: &'static str,
    },
    /// A reserved key that is no known use rule: it could be one that this library is too old to keep.
    UseRuleUnknown {
        /// The key.
        key: String,
    },
    /// An envelope of version 1, and no RSA private key among the keys.
    VersionOneWantsRsa,
}

/// A rule of form that an envelope breaks (`docs/spec/envelope.md`, rules of form).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// More anonymous recipients than allowed.
    AnonymousCount(usize),
    /// A context entry runs beyond the end of the context.
    ContextOverrun,
    /// A context key is not UTF-8.
    ContextKeyEncoding,
    /// This context key does not come after the one before it.
    ContextOrder(String),
    /// A context longer than allowed, in bytes.
    ContextLength(usize),
    /// Two stanzas of one type for the same key.
    DuplicateStanza(KeyId),
    /// A header length over the limit, or too small for what the header must hold.
    HeaderLength(usize),
    /// No recipient, or more than allowed.
    RecipientCount(usize),
    /// A stanza of a known type whose body has not that type's length.
    StanzaLength {
        /// The stanza's type.
        key_type: u16,
        /// Bytes of its body.
        length: usize,
    },
    /// The stanzas run into the MAC.
    StanzaOverrun,
    /// Bytes between the last stanza and the MAC.
    StanzaSurplus(usize),
    /// The text has a character that base64url has not.
    Text,
}

/// What is missing at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// The header is not whole.
    Header,
    /// Salt and key commitment are not whole.
    Commitment,
    /// An envelope of version 1 is shorter than one of nothing.
    VersionOne,
    /// The payload ends without its last, shorter chunk.
    LastChunk,
    /// The text ends within a group of characters.
    Text,
}

impl Error {
    /// The class of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::BufferTooSmall { .. }
            | Self::ChangeRefused(_)
            | Self::DuplicateRecipient { .. }
            | Self::NoMemory { .. }
            | Self::NotWholeChunks { .. }
            | Self::RecipientUnknown { .. }
            | Self::TooLong => ErrorCode::CryptoError,
            Self::ChunkAltered { .. } | Self::DecryptFailed | Self::NotARecipient { .. } => {
                ErrorCode::DecryptFailed
            }
            Self::KeyInvalid { .. } | Self::KeyText { .. } => ErrorCode::KeyInvalid,
            Self::Malformed(_)
            | Self::NotAnEnvelope
            | Self::RsaUnavailable
            | Self::TextForm
            | Self::UnsupportedVersion { .. }
            | Self::UnsupportedSuite { .. }
            | Self::UnsupportedFlags { .. }
            | Self::UnsupportedKeyType { .. }
            | Self::VersionOneWantsRsa => ErrorCode::UnsupportedFormat,
            Self::Truncated(_) => ErrorCode::Truncated,
            Self::UseExpired { .. }
            | Self::UseForbidden { .. }
            | Self::UseRuleMalformed { .. }
            | Self::UseRuleUnknown { .. } => ErrorCode::UseForbidden,
        }
    }

    /// The facts by name, as text.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            // The header opened with this key; only the chunk is wrong.
            Self::ChunkAltered { index } => vec![("chunk", index.to_string())],
            Self::NoMemory { bytes } => vec![("bytes", bytes.to_string())],
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { needed, actual } => {
                write!(f, "buffer of {actual} bytes for {needed} bytes")
            }
            Self::ChangeRefused(defect) => write!(f, "recipients cannot be changed so: {defect}"),
            Self::ChunkAltered { index } => {
                write!(f, "chunk {index} of the ciphertext was altered or cut off")
            }
            Self::DecryptFailed => f.write_str("ciphertext does not open with this key and this data"),
            Self::DuplicateRecipient { key_id } => write!(f, "recipient {key_id} would be there twice"),
            Self::KeyInvalid { kind, rule } => write!(f, "not a valid {kind} key: {rule}"),
            Self::KeyText { prefix } => {
                write!(f, "not a key in text form: {prefix}1 and, copied whole, what follows it")
            }
            Self::Malformed(defect) => write!(f, "malformed envelope: {defect}"),
            Self::NoMemory { bytes } => write!(f, "there is no memory for {bytes} bytes"),
            Self::NotAnEnvelope => f.write_str("not an envelope: neither \"cape:2:\" nor \"CAPE\" begins it"),
            Self::NotWholeChunks { length, chunk } => {
                write!(f, "{length} bytes are not a multiple of the chunk of {chunk} bytes")
            }
            Self::NotARecipient { recipients } => {
                let others = if *recipients == 1 { "another" } else { "others" };
                write!(f, "ciphertext is not for this key but for {others} ({recipients} in all)")
            }
            Self::RecipientUnknown { key_id } if key_id.is_anonymous() => {
                f.write_str("recipients who are not told cannot be told apart")
            }
            Self::RecipientUnknown { key_id } => write!(f, "recipient {key_id} is not there"),
            Self::RsaUnavailable => f.write_str("this build has no RSA"),
            Self::TextForm => f.write_str("text form of an envelope where its binary form is wanted"),
            Self::TooLong => f.write_str("payload is longer than the format allows"),
            Self::Truncated(truncation) => write!(f, "ciphertext ends too early: {truncation}"),
            Self::UnsupportedVersion { version } => write!(f, "envelope version {version} is not supported"),
            Self::UnsupportedSuite { suite } => write!(f, "envelope suite {suite:#04x} is not supported"),
            Self::UnsupportedFlags { flags } => write!(f, "envelope flags {flags:#06x} are not supported"),
            Self::UnsupportedKeyType { key_type } => write!(f, "key type {key_type:#06x} is not supported"),
            Self::UseExpired { not_after } => write!(f, "ciphertext might be used until {not_after} only"),
            Self::UseForbidden { functions } => {
                write!(f, "ciphertext is for {functions} other functions only")
            }
            Self::UseRuleMalformed { key } => write!(f, "use rule {key} is malformed"),
            Self::UseRuleUnknown { key } => write!(f, "use rule {key:?} is not known"),
            Self::VersionOneWantsRsa => f.write_str("envelope of version 1, which RSA private keys open"),
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnonymousCount(count) => {
                write!(f, "{count} anonymous recipients, at most {MAX_ANONYMOUS} are allowed")
            }
            Self::ContextOverrun => f.write_str("a context entry runs beyond the context"),
            Self::ContextKeyEncoding => f.write_str("a context key is not UTF-8"),
            Self::ContextOrder(key) => write!(f, "context key {key:?} is out of order or there twice"),
            Self::ContextLength(length) => {
                write!(f, "context of {length} bytes, at most {MAX_CONTEXT_LENGTH} are allowed")
            }
            Self::DuplicateStanza(key_id) => write!(f, "two stanzas for recipient {key_id}"),
            Self::HeaderLength(length) => {
                write!(f, "header length {length} is over {MAX_HEADER_LENGTH} or too small for its parts")
            }
            Self::RecipientCount(count) => write!(f, "{count} recipients instead of 1 to {MAX_RECIPIENTS}"),
            Self::StanzaLength { key_type, length } => {
                write!(f, "stanza of type {key_type:#06x} with a body of {length} bytes")
            }
            Self::StanzaOverrun => f.write_str("the stanzas do not fit into the header"),
            Self::StanzaSurplus(length) => write!(f, "{length} bytes between the last stanza and the MAC"),
            Self::Text => f.write_str("a character that base64url does not have"),
        }
    }
}

impl fmt::Display for Truncation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "its header is not whole",
            Self::Commitment => "its salt and key commitment are not whole",
            Self::VersionOne => "its wrapped key, nonce and tag are not whole",
            Self::LastChunk => "its last chunk is missing",
            Self::Text => "its text stops within a group",
        })
    }
}

impl core::error::Error for Error {}

impl From<Defect> for Error {
    fn from(defect: Defect) -> Self {
        Self::Malformed(defect)
    }
}

impl From<Truncation> for Error {
    fn from(truncation: Truncation) -> Self {
        Self::Truncated(truncation)
    }
}
