use core::fmt;

use zeroize::Zeroizing;

use super::error::Error;
use super::key_id::{KeyId, KeyType};
use super::rsa::{RsaPrivateKey, RsaPublicKey};
use crate::Randomness;
use crate::crypto::{HpkeError, Kem, KemPrivateKey, KemPublicKey, Secret, sha256};
use crate::encoding::{bech32m, hex};

const PUBLIC_PREFIX: &str = "capepk";
const PRIVATE_PREFIX: &str = "capesk";

/// Whom an envelope is sealed for (`docs/spec/envelope.md`, keys).
#[derive(Clone)]
pub struct PublicKey {
    material: PublicMaterial,
    digest: [u8; 32],
}

#[derive(Clone)]
pub(super) enum PublicMaterial {
    Hpke(KemPublicKey),
    Rsa(RsaPublicKey),
}

impl PublicKey {
    /// Takes a raw public key: 32 bytes for X25519, 1216 for X-Wing, SPKI in DER for RSA.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] when the bytes are no key of that kind or one that no honest party makes;
    /// [`Error::RsaUnavailable`] in a build without RSA.
    pub fn from_raw(key_type: KeyType, raw: &[u8]) -> Result<Self, Error> {
        let material = match key_type.kem() {
            Some(kem) => {
                PublicMaterial::Hpke(KemPublicKey::from_bytes(kem, raw).map_err(|error| invalid(kem, error))?)
            }
            None => PublicMaterial::Rsa(RsaPublicKey::from_spki(raw)?),
        };
        Ok(Self::new(material))
    }

    /// Reads the text form, `capepk1...`.
    ///
    /// # Errors
    /// [`Error::KeyText`], and those of [`PublicKey::from_raw`].
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let data = bech32m::decode(PUBLIC_PREFIX, text).ok_or(Error::KeyText { prefix: PUBLIC_PREFIX })?;
        let (key_type, raw) = split_type(&data, PUBLIC_PREFIX)?;
        Self::from_raw(key_type, raw)
    }

    /// The text form, `capepk1...`.
    pub fn to_text(&self) -> String {
        let data = [&self.key_type().id().to_be_bytes(), self.as_raw()].concat();
        // Every kind of key fits: the longest, RSA with 8192 bits, takes about 1,700 characters.
        bech32m::encode(PUBLIC_PREFIX, &data).unwrap_or_default()
    }

    /// The raw key, as [`PublicKey::from_raw`] takes it.
    pub fn as_raw(&self) -> &[u8] {
        match &self.material {
            PublicMaterial::Hpke(key) => key.as_bytes(),
            PublicMaterial::Rsa(key) => key.as_spki(),
        }
    }

    /// Its kind.
    pub fn key_type(&self) -> KeyType {
        match &self.material {
            PublicMaterial::Hpke(key) => key.kem().into(),
            PublicMaterial::Rsa(_) => KeyType::Rsa,
        }
    }

    /// What stanzas for it are marked with.
    pub fn key_id(&self) -> KeyId {
        KeyId::from_bytes(self.digest.first_chunk().copied().unwrap_or_default())
    }

    /// For people to compare: 32 hexadecimal digits, the first 16 of which are the key id.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.digest.first_chunk::<16>().map_or(&[], |half| half.as_slice()))
    }

    pub(super) fn material(&self) -> &PublicMaterial {
        &self.material
    }

    fn new(material: PublicMaterial) -> Self {
        let mut key = Self { material, digest: [0; 32] };
        key.digest = sha256(&[b"cape/2 key", &key.key_type().id().to_be_bytes(), key.as_raw()]);
        key
    }
}

impl From<KemPublicKey> for PublicKey {
    fn from(key: KemPublicKey) -> Self {
        Self::new(PublicMaterial::Hpke(key))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.key_type().name(), self.fingerprint())
    }
}

/// What opens envelopes sealed for its public key.
pub struct PrivateKey {
    material: PrivateMaterial,
    public: PublicKey,
}

pub(super) enum PrivateMaterial {
    Hpke(KemPrivateKey),
    Rsa(RsaPrivateKey),
}

impl PrivateKey {
    /// A fresh key.
    pub fn generate(kem: Kem, rng: &mut dyn Randomness) -> Self {
        loop {
            // It never fails: any 32 bytes are a key of either kind, and a clamped scalar is no
            // multiple of the base point's order (RFC 7748, section 5).
            if let Ok(key) = Self::from_kem(KemPrivateKey::generate(kem, rng)) {
                return key;
            }
        }
    }

    /// Takes a raw private key: X25519's scalar or X-Wing's seed, 32 bytes, or PKCS#8 in DER for RSA.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] when the bytes are no key of that kind; [`Error::RsaUnavailable`] in a
    /// build without RSA.
    pub fn from_raw(key_type: KeyType, raw: &[u8]) -> Result<Self, Error> {
        let Some(kem) = key_type.kem() else {
            let key = RsaPrivateKey::from_pkcs8(raw)?;
            let public = PublicKey::new(PublicMaterial::Rsa(key.public_key()?));
            return Ok(Self { material: PrivateMaterial::Rsa(key), public });
        };
        let mut seed = Zeroizing::new([0; 32]);
        let raw: &[u8; 32] = raw
            .try_into()
            .map_err(|_| Error::KeyInvalid { kind: kem.name(), rule: "a private key has 32 bytes" })?;
        seed.copy_from_slice(raw);
        Self::from_kem(KemPrivateKey::from_seed(kem, Secret::take(&mut seed)))
    }

    /// Takes a private key of HPKE.
    ///
    /// # Errors
    /// [`Error::KeyInvalid`] when it has no valid public key.
    pub fn from_kem(key: KemPrivateKey) -> Result<Self, Error> {
        let public = key.public_key().map_err(|error| invalid(key.kem(), error))?.into();
        Ok(Self { material: PrivateMaterial::Hpke(key), public })
    }

    /// Reads the text form, `capesk1...`.
    ///
    /// # Errors
    /// [`Error::KeyText`], and those of [`PrivateKey::from_raw`].
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let data = bech32m::decode(PRIVATE_PREFIX, text).map(Zeroizing::new);
        let data = data.ok_or(Error::KeyText { prefix: PRIVATE_PREFIX })?;
        let (key_type, raw) = split_type(&data, PRIVATE_PREFIX)?;
        Self::from_raw(key_type, raw)
    }

    /// The text form, `capesk1...`: a secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        let data = Zeroizing::new([&self.public.key_type().id().to_be_bytes(), self.expose_raw()].concat());
        // Every kind of key fits: the longest, RSA with 8192 bits, takes about 7,600 characters.
        Zeroizing::new(bech32m::encode(PRIVATE_PREFIX, &data).unwrap_or_default())
    }

    /// The raw key, as [`PrivateKey::from_raw`] takes it: a secret.
    pub fn expose_raw(&self) -> &[u8] {
        match &self.material {
            PrivateMaterial::Hpke(key) => key.seed().expose(),
            PrivateMaterial::Rsa(key) => key.expose_pkcs8(),
        }
    }

    /// The key that envelopes are sealed with.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn material(&self) -> &PrivateMaterial {
        &self.material
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} {})", self.public.key_type().name(), self.public.fingerprint())
    }
}

fn split_type<'a>(data: &'a [u8], prefix: &'static str) -> Result<(KeyType, &'a [u8]), Error> {
    let (id, raw) = data.split_first_chunk().ok_or(Error::KeyText { prefix })?;
    let id = u16::from_be_bytes(*id);
    let key_type = KeyType::from_id(id).ok_or(Error::UnsupportedKeyType { key_type: id })?;
    Ok((key_type, raw))
}

pub(super) fn invalid(kem: Kem, error: HpkeError) -> Error {
    let rule = match (error, kem) {
        (HpkeError::Length { .. }, Kem::X25519) => "a public key has 32 bytes",
        (HpkeError::Length { .. }, Kem::XWing) => "a public key has 1216 bytes",
        _ => "no honest party makes it",
    };
    Error::KeyInvalid { kind: kem.name(), rule }
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::*;

    #[test]
    fn text_forms_round_trip() {
        for (kem, public_length, private_length) in [(Kem::X25519, 68, 68), (Kem::XWing, 1962, 68)] {
            let key = PrivateKey::generate(kem, &mut UnwrapErr(SysRng));
            let (public, private) = (key.public_key().to_text(), key.to_text());
            assert_eq!((public.len(), private.len()), (public_length, private_length));
            assert!(public.starts_with("capepk1") && private.starts_with("capesk1"));
            assert_eq!(&PublicKey::from_text(&public).unwrap(), key.public_key());
            assert_eq!(PrivateKey::from_text(&private).unwrap().public_key(), key.public_key());
            assert!(matches!(PublicKey::from_text(&private), Err(Error::KeyText { .. })));
            assert!(matches!(PrivateKey::from_text(&public), Err(Error::KeyText { .. })));
        }
    }

    #[test]
    fn texts_of_other_types_and_lengths_are_refused() {
        let text = |data: &[u8]| bech32m::encode(PUBLIC_PREFIX, data).unwrap();
        let refused = |data: &[u8]| PublicKey::from_text(&text(data)).unwrap_err();
        assert_eq!(refused(&[]), Error::KeyText { prefix: "capepk" });
        assert_eq!(refused(&[0x00, 0x21, 7]), Error::UnsupportedKeyType { key_type: 0x21 });
        assert_eq!(refused(&[0x00, 0x20, 7]).code(), crate::ErrorCode::KeyInvalid);
        assert_eq!(refused(&[0; 34]), Error::UnsupportedKeyType { key_type: 0 });
    }

    #[test]
    fn debug_shows_the_fingerprint_only() {
        let key = PrivateKey::from_raw(KeyType::X25519, &[0x42; 32]).unwrap();
        let fingerprint = key.public_key().fingerprint();
        assert_eq!(format!("{key:?}"), format!("PrivateKey(x25519 {fingerprint})"));
        assert_eq!(format!("{:?}", key.public_key()), format!("PublicKey(x25519 {fingerprint})"));
        assert_eq!(fingerprint.len(), 32);
        assert!(fingerprint.starts_with(&key.public_key().key_id().to_string()));
    }

    #[test]
    fn private_keys_of_another_length_are_refused() {
        for length in [0, 31, 33] {
            let refused = PrivateKey::from_raw(KeyType::XWing, &vec![1; length]);
            assert_eq!(refused.err().map(|error| error.code()), Some(crate::ErrorCode::KeyInvalid));
        }
    }
}
