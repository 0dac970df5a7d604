use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Error;
use crate::crypto::sha256;
use crate::encoding::{base58, hex};

/// A function's digest: what callers pin and tokens name. It covers the manifest, and so code,
/// settings and account.
///
/// As text it is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// The checksum of a manifest, given the octets that its JWS carries (after base64url).
    pub(super) fn of_payload(payload: &[u8]) -> Self {
        Self(sha256(&[b"cape/2 function", payload]))
    }

    /// The checksum with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The function's id.
    pub fn function_id(&self) -> FunctionId {
        FunctionId(self.0.first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Checksum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        hex::decode_array(text).map(Self).ok_or(Error::ChecksumInvalid)
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The short form of a [`Checksum`], for URLs and people: Base58 of its first 20 bytes.
///
/// Finding a second function with the same id takes 2^160 tries, two functions with any same id
/// 2^80: what must not be confused is pinned by its checksum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId([u8; 20]);

/// Characters of the longest id; the shortest, of zeros, has 20.
const MAX_ID_LENGTH: usize = 28;

/// 20 to 28 characters.
impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base58::encode(&self.0))
    }
}

impl FromStr for FunctionId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes = if text.len() <= MAX_ID_LENGTH { base58::decode(text) } else { None };
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(Error::FunctionIdInvalid)
    }
}

impl fmt::Debug for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_base58_of_twenty_bytes() {
        let mut bytes = [0; 32];
        assert_eq!(Checksum::from_bytes(bytes).function_id().to_string(), "1".repeat(20));
        bytes[20] = 1;
        assert_eq!(Checksum::from_bytes(bytes).function_id().to_string(), "1".repeat(20));
        bytes[19] = 57;
        assert_eq!(Checksum::from_bytes(bytes).function_id().to_string(), format!("{}z", "1".repeat(19)));
        assert_eq!(Checksum::from_bytes([0xff; 32]).function_id().to_string().len(), MAX_ID_LENGTH);
    }

    #[test]
    fn only_ids_of_twenty_bytes_are_read() {
        let id = Checksum::from_bytes([0xab; 32]).function_id();
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "echo", &"1".repeat(19), &"1".repeat(21), &"z".repeat(28), &"z".repeat(100_000)] {
            assert_eq!(wrong.parse::<FunctionId>(), Err(Error::FunctionIdInvalid));
        }
    }

    #[test]
    fn text_is_64_lower_case_digits() {
        let text = "f4a20b91edacd3a1298e91fb96c5dd74a41645d0fba553c95c100046776a2398";
        assert_eq!(text.parse::<Checksum>().unwrap().to_string(), text);
        for wrong in ["", &text[1..], &text[2..], &text.to_uppercase()] {
            assert_eq!(wrong.parse::<Checksum>(), Err(Error::ChecksumInvalid));
        }
    }
}
