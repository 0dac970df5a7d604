//! RSA-OAEP with SHA-256, MGF1 with SHA-256 and the empty label, for keys of 2048 to 8192 bits.
//!
//! Private operations are AWS-LC's only, which are constant in time; without the feature `aws-lc` no
//! RSA key can be made, and so none can be used.

pub(super) use implementation::{RsaPrivateKey, RsaPublicKey};

/// The lengths that a modulus may have, in bytes.
pub(super) const MODULUS_LENGTHS: core::ops::RangeInclusive<usize> = 256..=1024;

#[cfg(feature = "aws-lc")]
mod implementation {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
    use aws_lc_rs::rsa::{
        OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
        PublicEncryptingKey,
    };
    use zeroize::Zeroizing;

    use super::super::error::Error;
    use crate::crypto::Secret;

    const UNREADABLE_PUBLIC: Error = Error::KeyInvalid {
        kind: "rsa",
        rule: "an SPKI in DER with a modulus of 2048 to 8192 bits is wanted",
    };
    const UNREADABLE_PRIVATE: Error = Error::KeyInvalid {
        kind: "rsa",
        rule: "a PKCS#8 in DER with a modulus of 2048 to 8192 bits is wanted",
    };

    #[derive(Clone)]
    pub(in super::super) struct RsaPublicKey {
        key: PublicEncryptingKey,
        spki: Box<[u8]>,
    }

    impl RsaPublicKey {
        /// Takes the one DER encoding of a key, so that a key has one key id.
        pub(in super::super) fn from_spki(spki: &[u8]) -> Result<Self, Error> {
            let key = PublicEncryptingKey::from_der(spki).map_err(|_| UNREADABLE_PUBLIC)?;
            let read = Self::from_key(key)?;
            if *read.spki == *spki { Ok(read) } else { Err(UNREADABLE_PUBLIC) }
        }

        pub(in super::super) fn as_spki(&self) -> &[u8] {
            &self.spki
        }

        pub(in super::super) fn modulus_length(&self) -> usize {
            self.key.key_size_bytes()
        }

        /// Draws its randomness from AWS-LC's own generator.
        pub(in super::super) fn encrypt(&self, secret: &Secret<32>) -> Result<Vec<u8>, Error> {
            let mut ciphertext = vec![0; self.modulus_length()];
            OaepPublicEncryptingKey::new(self.key.clone())
                .and_then(|key| {
                    key.encrypt(&OAEP_SHA256_MGF1SHA256, secret.expose(), &mut ciphertext, None).map(|_| ())
                })
                .map_err(|_| UNREADABLE_PUBLIC)?;
            Ok(ciphertext)
        }

        fn from_key(key: PublicEncryptingKey) -> Result<Self, Error> {
            let spki: PublicKeyX509Der<'_> = key.as_der().map_err(|_| UNREADABLE_PUBLIC)?;
            let spki = spki.as_ref().into();
            Ok(Self { key, spki })
        }
    }

    pub(in super::super) struct RsaPrivateKey {
        key: PrivateDecryptingKey,
        pkcs8: Zeroizing<Vec<u8>>,
    }

    impl RsaPrivateKey {
        pub(in super::super) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Error> {
            let key = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| UNREADABLE_PRIVATE)?;
            let canonical: Pkcs8V1Der<'_> = key.as_der().map_err(|_| UNREADABLE_PRIVATE)?;
            let pkcs8 = Zeroizing::new(canonical.as_ref().to_vec());
            Ok(Self { key, pkcs8 })
        }

        pub(in super::super) fn expose_pkcs8(&self) -> &[u8] {
            &self.pkcs8
        }

        pub(in super::super) fn public_key(&self) -> Result<RsaPublicKey, Error> {
            RsaPublicKey::from_key(self.key.public_key())
        }

        /// `None` when the ciphertext is not of this key, or holds something else than 32 bytes.
        pub(in super::super) fn decrypt(&self, ciphertext: &[u8]) -> Option<Secret<32>> {
            let key = OaepPrivateDecryptingKey::new(self.key.clone()).ok()?;
            let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
            let plaintext = key.decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut buffer, None).ok()?;
            Some(Secret::take(plaintext.try_into().ok()?))
        }
    }
}

#[cfg(not(feature = "aws-lc"))]
mod implementation {
    use super::super::error::Error;
    use crate::crypto::Secret;

    /// No value of this type exists.
    #[derive(Clone)]
    pub(in super::super) enum RsaPublicKey {}

    impl RsaPublicKey {
        pub(in super::super) fn from_spki(_spki: &[u8]) -> Result<Self, Error> {
            Err(Error::RsaUnavailable)
        }

        pub(in super::super) fn as_spki(&self) -> &[u8] {
            match *self {}
        }

        pub(in super::super) fn modulus_length(&self) -> usize {
            match *self {}
        }

        pub(in super::super) fn encrypt(&self, _secret: &Secret<32>) -> Result<Vec<u8>, Error> {
            match *self {}
        }
    }

    /// No value of this type exists.
    pub(in super::super) enum RsaPrivateKey {}

    impl RsaPrivateKey {
        pub(in super::super) fn from_pkcs8(_pkcs8: &[u8]) -> Result<Self, Error> {
            Err(Error::RsaUnavailable)
        }

        pub(in super::super) fn expose_pkcs8(&self) -> &[u8] {
            match *self {}
        }

        pub(in super::super) fn public_key(&self) -> Result<RsaPublicKey, Error> {
            match *self {}
        }

        pub(in super::super) fn decrypt(&self, _ciphertext: &[u8]) -> Option<Secret<32>> {
            match *self {}
        }
    }
}
