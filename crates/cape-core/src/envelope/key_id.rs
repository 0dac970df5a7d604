use core::fmt;

use crate::crypto::Kem;
use crate::encoding::hex;

/// The kinds of keys an envelope can be sealed for, each with a stanza of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyType {
    /// HPKE with X25519: short, without protection against quantum computers.
    X25519,
    /// HPKE with X-Wing (ML-KEM-768 and X25519): the default.
    XWing,
    /// RSA-OAEP with SHA-256, for keys that exist already.
    Rsa,
}

impl KeyType {
    /// The number in stanzas and in the text form of keys.
    pub const fn id(self) -> u16 {
        match self {
            Self::X25519 => Kem::X25519.id(),
            Self::XWing => Kem::XWing.id(),
            Self::Rsa => 0xff01,
        }
    }

    /// The kind of that number.
    pub const fn from_id(id: u16) -> Option<Self> {
        match id {
            0x0020 => Some(Self::X25519),
            0x647a => Some(Self::XWing),
            0xff01 => Some(Self::Rsa),
            _ => None,
        }
    }

    /// `x25519`, `xwing` or `rsa`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X25519 => Kem::X25519.name(),
            Self::XWing => Kem::XWing.name(),
            Self::Rsa => "rsa",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::X25519, Self::XWing, Self::Rsa].into_iter().find(|kind| kind.name() == name)
    }

    /// The key encapsulation mechanism, for the kinds that HPKE serves.
    pub const fn kem(self) -> Option<Kem> {
        match self {
            Self::X25519 => Some(Kem::X25519),
            Self::XWing => Some(Kem::XWing),
            Self::Rsa => None,
        }
    }
}

impl From<Kem> for KeyType {
    fn from(kem: Kem) -> Self {
        match kem {
            Kem::X25519 => Self::X25519,
            Kem::XWing => Self::XWing,
        }
    }
}

/// Which key a stanza is for: eight bytes of a hash of type and public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// Stands in a stanza whose recipient is not told.
    pub const ANONYMOUS: Self = Self([0; 8]);

    /// A key id as it stands in a stanza.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes of a stanza's key id.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// Whether the recipient is not told.
    pub fn is_anonymous(self) -> bool {
        self == Self::ANONYMOUS
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::KeyType;

    #[test]
    fn kinds_are_found_by_number_and_by_name() {
        for kind in [KeyType::X25519, KeyType::XWing, KeyType::Rsa] {
            assert_eq!(KeyType::from_id(kind.id()), Some(kind));
            assert_eq!(KeyType::from_name(kind.name()), Some(kind));
        }
        assert_eq!(KeyType::from_id(0x0021), None);
        assert_eq!(KeyType::from_name("X25519"), None);
    }
}
