use core::fmt;

/// Why bytes are not the CBOR that was asked for. Offsets count from the start of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A map holds the same key twice.
    DuplicateKey {
        /// Where the second key begins.
        offset: usize,
    },
    /// A map or array of indefinite length where only definite ones are allowed.
    IndefiniteContainer {
        /// Where it begins.
        offset: usize,
    },
    /// A string of indefinite length.
    IndefiniteString {
        /// Where it begins.
        offset: usize,
    },
    /// A text string that is not UTF-8.
    InvalidUtf8 {
        /// Where it begins.
        offset: usize,
    },
    /// An integer or length in more bytes than needed.
    NotShortest {
        /// Where its head begins.
        offset: usize,
    },
    /// More nested containers than allowed.
    TooDeep {
        /// Where the container begins.
        offset: usize,
    },
    /// More items in a container than allowed.
    TooManyItems {
        /// Where the first item too many begins.
        offset: usize,
    },
    /// Bytes behind the end of the outermost item.
    TrailingBytes {
        /// Where they begin.
        offset: usize,
    },
    /// The input ends inside an item.
    Truncated,
    /// A map's keys are not in the deterministic order.
    UnsortedKeys {
        /// Where the misplaced key begins.
        offset: usize,
    },
    /// An array or a byte string of another length than expected.
    WrongLength {
        /// What would have been right.
        expected: &'static str,
        /// Where the item begins, or where it has too few or too many items.
        offset: usize,
    },
    /// Another type than expected, or one that is never allowed (tag, float, undefined).
    WrongType {
        /// What would have been right.
        expected: &'static str,
        /// Where the item begins.
        offset: usize,
    },
}

impl Error {
    /// The stable name of this defect.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::DuplicateKey { .. } => "cbor_duplicate_key",
            Self::IndefiniteContainer { .. } => "cbor_indefinite_container",
            Self::IndefiniteString { .. } => "cbor_indefinite_string",
            Self::InvalidUtf8 { .. } => "cbor_utf8",
            Self::NotShortest { .. } => "cbor_not_shortest",
            Self::TooDeep { .. } => "cbor_depth",
            Self::TooManyItems { .. } => "cbor_items",
            Self::TrailingBytes { .. } => "cbor_trailing",
            Self::Truncated => "cbor_truncated",
            Self::UnsortedKeys { .. } => "cbor_unsorted_keys",
            Self::WrongLength { .. } => "cbor_length",
            Self::WrongType { .. } => "cbor_type",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateKey { offset } => write!(f, "map key given twice at byte {offset}"),
            Self::IndefiniteContainer { offset } => {
                write!(f, "map or array of indefinite length at byte {offset}")
            }
            Self::IndefiniteString { offset } => {
                write!(f, "string of indefinite length at byte {offset}")
            }
            Self::InvalidUtf8 { offset } => write!(f, "text that is not UTF-8 at byte {offset}"),
            Self::NotShortest { offset } => {
                write!(f, "integer or length not in its shortest form at byte {offset}")
            }
            Self::TooDeep { offset } => write!(f, "nested too deeply at byte {offset}"),
            Self::TooManyItems { offset } => write!(f, "too many items at byte {offset}"),
            Self::TrailingBytes { offset } => write!(f, "trailing bytes from byte {offset}"),
            Self::Truncated => f.write_str("input ends inside an item"),
            Self::UnsortedKeys { offset } => write!(f, "map keys out of order at byte {offset}"),
            Self::WrongLength { expected, offset } | Self::WrongType { expected, offset } => {
                write!(f, "expected {expected} at byte {offset}")
            }
        }
    }
}

impl core::error::Error for Error {}
