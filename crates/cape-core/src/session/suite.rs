use core::fmt;

use crate::crypto::Kem;
use crate::crypto::provider::aead;

/// A cipher suite: how the session's keys are agreed on, and how its frames are sealed. HPKE is
/// always with HKDF-SHA256 and the export-only AEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// 1: X-Wing, AES-256-GCM.
    XWingAes256Gcm,
    /// 2: X25519, AES-256-GCM.
    X25519Aes256Gcm,
    /// 3: X-Wing, ChaCha20-Poly1305: for clients without AES instructions.
    XWingChaCha20Poly1305,
    /// 4: X25519, ChaCha20-Poly1305.
    X25519ChaCha20Poly1305,
}

impl Suite {
    /// Every suite, by rising number.
    pub const ALL: [Self; 4] = [
        Self::XWingAes256Gcm,
        Self::X25519Aes256Gcm,
        Self::XWingChaCha20Poly1305,
        Self::X25519ChaCha20Poly1305,
    ];

    /// Its number on the wire.
    pub const fn id(self) -> u8 {
        match self {
            Self::XWingAes256Gcm => 1,
            Self::X25519Aes256Gcm => 2,
            Self::XWingChaCha20Poly1305 => 3,
            Self::X25519ChaCha20Poly1305 => 4,
        }
    }

    /// The suite of that number.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.id() == id)
    }

    /// Its key encapsulation mechanism.
    pub const fn kem(self) -> Kem {
        match self {
            Self::XWingAes256Gcm | Self::XWingChaCha20Poly1305 => Kem::XWing,
            Self::X25519Aes256Gcm | Self::X25519ChaCha20Poly1305 => Kem::X25519,
        }
    }

    pub(super) fn aead(self) -> &'static aead::Algorithm {
        match self {
            Self::XWingAes256Gcm | Self::X25519Aes256Gcm => &aead::AES_256_GCM,
            Self::XWingChaCha20Poly1305 | Self::X25519ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }
}

/// `X-Wing, AES-256-GCM`.
impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XWingAes256Gcm => "X-Wing, AES-256-GCM",
            Self::X25519Aes256Gcm => "X25519, AES-256-GCM",
            Self::XWingChaCha20Poly1305 => "X-Wing, ChaCha20-Poly1305",
            Self::X25519ChaCha20Poly1305 => "X25519, ChaCha20-Poly1305",
        })
    }
}
