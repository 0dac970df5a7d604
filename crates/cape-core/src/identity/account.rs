use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::Error;
use crate::Randomness;
use crate::crypto::Secret;
use crate::crypto::provider::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use crate::encoding::bech32m;

const ID_PREFIX: &str = "cape";
const KEY_PREFIX: &str = "capeaccountsk";

/// An account: an Ed25519 key pair (RFC 8032). Nobody hands out accounts.
pub struct Account {
    seed: Secret<32>,
    key: Ed25519KeyPair,
    id: AccountId,
}

impl Account {
    /// A new account.
    pub fn generate(rng: &mut dyn Randomness) -> Result<Self, Error> {
        Self::from_seed(Secret::random(rng))
    }

    /// The account of a private key, the 32-byte seed of RFC 8032, section 5.1.5.
    pub fn from_seed(seed: Secret<32>) -> Result<Self, Error> {
        let key = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| Error::AccountKeyInvalid)?;
        let public = key.public_key().as_ref().try_into().map_err(|_| Error::AccountKeyInvalid)?;
        Ok(Self { seed, key, id: AccountId(public) })
    }

    /// Reads the text form of a private key, `capeaccountsk1...`; white space around it is ignored.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let seed = bech32m::decode(KEY_PREFIX, text.trim()).map(Zeroizing::new);
        let mut seed: Zeroizing<[u8; 32]> = seed
            .and_then(|seed| seed.as_slice().try_into().ok())
            .map(Zeroizing::new)
            .ok_or(Error::AccountKeyInvalid)?;
        Self::from_seed(Secret::take(&mut seed))
    }

    /// The private key as text, for the account's key file (mode 0600): bech32m of the seed with
    /// the prefix `capeaccountsk`.
    pub fn to_text(&self) -> Zeroizing<String> {
        let text = bech32m::encode(KEY_PREFIX, self.seed.expose());
        debug_assert!(text.is_some(), "the prefix is valid and 32 bytes are short");
        Zeroizing::new(text.unwrap_or_default())
    }

    /// The account's id.
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// An Ed25519 signature of `message`, 64 bytes.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(message).as_ref().to_vec()
    }
}

/// Who an account is: its public key. Whoever has the id can verify what the account signed.
///
/// As text it is bech32m with the prefix `cape`, 63 characters, lower case only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 32]);

impl AccountId {
    /// The account with this public key.
    pub const fn from_bytes(public_key: [u8; 32]) -> Self {
        Self(public_key)
    }

    /// The public key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether the account signed `message`.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32m::encode(ID_PREFIX, &self.0).ok_or(fmt::Error)?)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AccountId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let key = bech32m::decode(ID_PREFIX, text).and_then(|key| key.try_into().ok());
        key.filter(|key| !is_of_low_order(key)).map(Self).ok_or(Error::AccountIdInvalid)
    }
}

/// The y-coordinates of the two pairs of points of order 8.
const ORDER_8: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// Whether a public key is a point of small order, reduced or not, of either sign: for those
/// everybody can sign, and libraries differ in whether they notice.
fn is_of_low_order(key: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = *key;
    let last = last & 0x7f;
    // y is 0 or 1; or p - 1, p or p + 1 with p = 2^255 - 19.
    let near_zero = first <= 1 && last == 0 && middle.iter().all(|byte| *byte == 0);
    let near_p = (0xec..=0xee).contains(&first) && last == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    let order_8 = |[one, rest @ .., end]: &[u8; 32]| (*one, *rest, *end) == (first, middle, last);
    near_zero || near_p || ORDER_8.iter().any(order_8)
}

impl Serialize for AccountId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AccountId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::*;

    const ID: &str = "cape1xapdnmgs0nlf6v8d8ayv5vf52xxmgm36w6n442wrtmvtgdhfzd8qmhldwr";

    #[test]
    fn the_private_key_reads_back_from_its_text() {
        let account = Account::generate(&mut UnwrapErr(SysRng)).unwrap();
        let text = account.to_text();
        assert!(text.starts_with("capeaccountsk1"), "{}", text.len());
        assert_eq!(Account::from_text(&format!("{}\n", text.as_str())).unwrap().id(), account.id());
    }

    #[test]
    fn other_texts_are_no_private_key() {
        let account = Account::generate(&mut UnwrapErr(SysRng)).unwrap();
        let text = account.to_text();
        let short = bech32m::encode(KEY_PREFIX, &[7; 31]).unwrap();
        for wrong in ["", ID, &text.to_uppercase(), &text[1..], &short] {
            assert_eq!(Account::from_text(wrong).err(), Some(Error::AccountKeyInvalid));
        }
    }

    #[test]
    fn only_the_canonical_id_is_read() {
        let id: AccountId = ID.parse().unwrap();
        assert_eq!(id.to_string(), ID);
        let short = bech32m::encode(ID_PREFIX, &[7; 31]).unwrap();
        let typo = ID.replace("cape1x", "cape1y");
        for wrong in ["", "cape1", &ID.to_uppercase(), &format!(" {ID}"), &typo, &short] {
            assert_eq!(wrong.parse::<AccountId>(), Err(Error::AccountIdInvalid), "{wrong}");
        }
    }
}
