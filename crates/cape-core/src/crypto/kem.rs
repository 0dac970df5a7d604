//! Key encapsulation mechanisms and their keys.

use core::fmt;

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Serializable};

#[cfg(feature = "aws-lc")]
pub(super) use super::xwing::XWing;
use super::{Secret, constant_time_eq};
use crate::Randomness;
/// X-Wing that takes the randomness it is given.
pub(super) use hpke::kem::XWing as PortableXWing;
#[cfg(not(feature = "aws-lc"))]
pub(super) use hpke::kem::XWing;

/// Key encapsulation mechanisms, by their numbers in the HPKE registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kem {
    /// DHKEM(X25519, HKDF-SHA256), RFC 9180.
    X25519,
    /// X-Wing: ML-KEM-768 with X25519 (draft-ietf-hpke-pq), safe while either holds.
    XWing,
}

impl Kem {
    /// The number in the HPKE registry.
    pub const fn id(self) -> u16 {
        match self {
            Self::X25519 => 0x0020,
            Self::XWing => 0x647a,
        }
    }

    /// The mechanism of that number.
    pub const fn from_id(id: u16) -> Option<Self> {
        match id {
            0x0020 => Some(Self::X25519),
            0x647a => Some(Self::XWing),
            _ => None,
        }
    }

    /// `x25519` or `xwing`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X25519 => "x25519",
            Self::XWing => "xwing",
        }
    }

    /// The mechanism of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::X25519, Self::XWing].into_iter().find(|kem| kem.name() == name)
    }

    /// Bytes of a public key.
    pub const fn public_key_length(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::XWing => 1216,
        }
    }

    /// Bytes of an encapsulated key (`enc`).
    pub const fn encapsulated_length(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::XWing => 1120,
        }
    }
}

/// Why an HPKE operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HpkeError {
    /// A public key or an encapsulated key of another length than the mechanism's.
    Length {
        /// The mechanism.
        kem: Kem,
        /// Bytes it wants.
        expected: usize,
        /// Bytes there were.
        actual: usize,
    },
    /// A public key or an encapsulated key that no honest party makes.
    InvalidKey {
        /// The mechanism.
        kem: Kem,
    },
    /// A ciphertext that does not open.
    Open,
}

impl fmt::Display for HpkeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { kem, expected, actual } => {
                write!(f, "{} key of {actual} bytes instead of {expected}", kem.name())
            }
            Self::InvalidKey { kem } => write!(f, "{} key is not a valid one", kem.name()),
            Self::Open => f.write_str("ciphertext does not open"),
        }
    }
}

impl core::error::Error for HpkeError {}

/// A public key of a [`Kem`], of the right length and not of low order.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KemPublicKey {
    kem: Kem,
    bytes: Box<[u8]>,
}

impl KemPublicKey {
    /// Takes a raw public key; its form is checked.
    pub fn from_bytes(kem: Kem, bytes: &[u8]) -> Result<Self, HpkeError> {
        check_share(kem, bytes, kem.public_key_length())?;
        let valid = match kem {
            Kem::X25519 => <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(bytes).is_ok(),
            Kem::XWing => <PortableXWing as hpke::Kem>::PublicKey::from_bytes(bytes).is_ok(),
        };
        if !valid {
            return Err(HpkeError::InvalidKey { kem });
        }
        Ok(Self { kem, bytes: bytes.into() })
    }

    /// Its mechanism.
    pub fn kem(&self) -> Kem {
        self.kem
    }

    /// The raw key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A private key of a [`Kem`]: X25519's scalar, or X-Wing's seed.
pub struct KemPrivateKey {
    kem: Kem,
    seed: Secret<32>,
    expanded: Option<Expanded>,
}

/// What a seed stands for: worked out once, and used by each operation.
enum Expanded {
    X25519(<X25519HkdfSha256 as hpke::Kem>::PrivateKey),
    XWing(Box<<XWing as hpke::Kem>::PrivateKey>),
}

impl KemPrivateKey {
    /// A fresh key.
    pub fn generate(kem: Kem, rng: &mut dyn Randomness) -> Self {
        Self::from_seed(kem, Secret::random(rng))
    }

    /// Takes the 32 bytes of a key.
    pub fn from_seed(kem: Kem, seed: Secret<32>) -> Self {
        let bytes = seed.expose();
        let expanded = match kem {
            Kem::X25519 => Deserializable::from_bytes(bytes).ok().map(Expanded::X25519),
            Kem::XWing => Deserializable::from_bytes(bytes).ok().map(Box::new).map(Expanded::XWing),
        };
        Self { kem, seed, expanded }
    }

    /// Its mechanism.
    pub fn kem(&self) -> Kem {
        self.kem
    }

    /// The 32 bytes that are the key.
    pub fn seed(&self) -> &Secret<32> {
        &self.seed
    }

    /// The public key that belongs to it.
    pub fn public_key(&self) -> Result<KemPublicKey, HpkeError> {
        match self.kem {
            Kem::X25519 => public_key_of::<X25519HkdfSha256>(self),
            Kem::XWing => public_key_of::<XWing>(self),
        }
    }
}

/// Length, and the X25519 share that ends the bytes of either mechanism: a share of low order would
/// let its sender choose that half of the secret (RFC 7748, section 6.1).
pub(super) fn check_share(kem: Kem, bytes: &[u8], expected: usize) -> Result<(), HpkeError> {
    if bytes.len() != expected {
        return Err(HpkeError::Length { kem, expected, actual: bytes.len() });
    }
    match bytes.last_chunk::<32>() {
        Some(share) if !is_of_low_order(share) => Ok(()),
        _ => Err(HpkeError::InvalidKey { kem }),
    }
}

/// The u-coordinates of the points of order 8, on the curve and its twist.
const ORDER_8: [[u8; 32]; 2] = [
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
];

/// The u-coordinates of the points whose order divides 8, on the curve and its twist, reduced and
/// unreduced; the top bit is ignored as RFC 7748, section 5, wants.
fn is_of_low_order(share: &[u8; 32]) -> bool {
    let mut masked = *share;
    if let Some(top) = masked.last_mut() {
        *top &= 0x7f;
    }
    let [first, middle @ .., last] = masked;
    // 0 and 1; p - 1, p and p + 1 with p = 2^255 - 19.
    let near_zero = first <= 1 && last == 0 && middle.iter().all(|byte| *byte == 0);
    let near_p = (0xec..=0xee).contains(&first) && last == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    near_zero || near_p || ORDER_8.iter().any(|point| constant_time_eq(point, &masked))
}

/// A mechanism of `hpke`, and what it makes of a seed.
pub(super) trait Mechanism: hpke::Kem {
    /// The expanded key, of a key of this mechanism.
    fn expanded(key: &KemPrivateKey) -> Option<&Self::PrivateKey>;
}

impl Mechanism for X25519HkdfSha256 {
    fn expanded(key: &KemPrivateKey) -> Option<&Self::PrivateKey> {
        match &key.expanded {
            Some(Expanded::X25519(key)) => Some(key),
            _ => None,
        }
    }
}

impl Mechanism for XWing {
    fn expanded(key: &KemPrivateKey) -> Option<&Self::PrivateKey> {
        match &key.expanded {
            Some(Expanded::XWing(key)) => Some(key),
            _ => None,
        }
    }
}

fn public_key_of<K: Mechanism>(key: &KemPrivateKey) -> Result<KemPublicKey, HpkeError> {
    let public = K::sk_to_pk(private_key::<K>(key)?).to_bytes();
    Ok(KemPublicKey { kem: key.kem, bytes: public.as_slice().into() })
}

pub(super) fn private_key<K: Mechanism>(key: &KemPrivateKey) -> Result<&K::PrivateKey, HpkeError> {
    K::expanded(key).ok_or(HpkeError::InvalidKey { kem: key.kem })
}

pub(super) fn public_key<K: hpke::Kem>(key: &KemPublicKey) -> Result<K::PublicKey, HpkeError> {
    K::PublicKey::from_bytes(&key.bytes).map_err(|_| HpkeError::InvalidKey { kem: key.kem })
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::super::{setup_receiver, setup_sender};
    use super::*;

    #[test]
    fn coefficients_above_the_modulus_are_refused() {
        // FIPS 203, section 7.2: 12 bits that are 4095, or the modulus 3329 itself.
        for first in [[0xff, 0xff, 0xff], [0x01, 0x1d, 0xd0]] {
            let key = KemPrivateKey::generate(Kem::XWing, &mut UnwrapErr(SysRng));
            let mut public = key.public_key().unwrap().as_bytes().to_vec();
            public[..3].copy_from_slice(&first);
            let refused = Some(HpkeError::InvalidKey { kem: Kem::XWing });
            assert_eq!(KemPublicKey::from_bytes(Kem::XWing, &public).err(), refused, "{first:x?}");
        }
    }

    #[test]
    fn shares_of_low_order_are_refused() {
        let mut shares = vec![[0; 32], [0; 32], ORDER_8[0], ORDER_8[1]];
        shares[1][0] = 1;
        for low in 0xec..=0xee {
            let mut share = [0xff; 32];
            (share[0], share[31]) = (low, 0x7f);
            shares.push(share);
        }
        let rng = &mut UnwrapErr(SysRng);
        for mut share in shares {
            for top in [0, 0x80] {
                share[31] = share[31] & 0x7f | top;
                for kem in [Kem::X25519, Kem::XWing] {
                    let key = KemPrivateKey::generate(kem, rng);
                    let mut public = key.public_key().unwrap().as_bytes().to_vec();
                    public.last_chunk_mut::<32>().unwrap().copy_from_slice(&share);
                    assert!(KemPublicKey::from_bytes(kem, &public).is_err());
                    let (mut encapsulated, _) = setup_sender(&key.public_key().unwrap(), b"", rng).unwrap();
                    encapsulated.last_chunk_mut::<32>().unwrap().copy_from_slice(&share);
                    assert!(setup_receiver(&key, &encapsulated, b"").is_err());
                }
            }
        }
    }
}
