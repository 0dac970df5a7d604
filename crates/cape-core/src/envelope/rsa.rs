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

        pub(in super::super) fn modulus_length(&self) -> usize {
            self.key.key_size_bytes()
        }

        /// `None` when the ciphertext is not of this key, or holds something else than 32 bytes.
        pub(in super::super) fn decrypt(&self, ciphertext: &[u8]) -> Option<Secret<32>> {
            let key = OaepPrivateDecryptingKey::new(self.key.clone()).ok()?;
            let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
            let plaintext = key.decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut buffer, None).ok()?;
            Some(Secret::take(plaintext.try_into().ok()?))
        }
    }

    #[cfg(test)]
    mod tests {
        use aws_lc_rs::rsa::KeySize;

        use super::*;
        use crate::ErrorCode;
        use crate::envelope::{KeyType, PrivateKey, PublicKey};

        fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
            let content = parts.concat();
            let length = content.len().to_be_bytes();
            let digits = &length[length.iter().position(|byte| *byte != 0).unwrap()..];
            let head = if content.len() < 128 { vec![] } else { vec![0x80 | digits.len() as u8] };
            [&[tag], head.as_slice(), digits, &content].concat()
        }

        /// An SPKI with a modulus of so many bytes that is odd and no more than that.
        fn spki(algorithm: u8, modulus_length: usize) -> Vec<u8> {
            let mut modulus = vec![0x80; modulus_length + 1];
            (modulus[0], modulus[modulus_length]) = (0, 1);
            let key = der(0x30, &[&der(0x02, &[&modulus]), &[0x02, 3, 1, 0, 1]]);
            let object_identifier = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, algorithm];
            let algorithm = der(0x30, &[&der(0x06, &[&object_identifier]), &[0x05, 0]]);
            der(0x30, &[&algorithm, &der(0x03, &[&[0], &key])])
        }

        #[test]
        fn moduli_of_2048_to_8192_bits() {
            for length in [256, 257, 512, 1024] {
                let key = PublicKey::from_raw(KeyType::Rsa, &spki(1, length)).unwrap();
                assert_eq!(PublicKey::from_text(&key.to_text()), Ok(key));
            }
            for length in [64, 128, 255, 1025, 2048] {
                assert_eq!(RsaPublicKey::from_spki(&spki(1, length)).err(), Some(UNREADABLE_PUBLIC));
            }
        }

        #[test]
        fn one_encoding_of_a_public_key_only() {
            const PSS: u8 = 10;
            let key = spki(1, 256);
            let trailing = [&key[..], &[0]].concat();
            let indefinite = [&[0x30, 0x80], &key[4..], &[0, 0]].concat();
            for other in [spki(PSS, 256), trailing, indefinite, key[..key.len() - 1].to_vec(), vec![]] {
                assert_eq!(RsaPublicKey::from_spki(&other).err(), Some(UNREADABLE_PUBLIC));
            }
        }

        #[test]
        fn private_keys_round_trip_and_others_are_refused() {
            let generated = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
            let pkcs8: Pkcs8V1Der<'_> = generated.as_der().unwrap();
            let key = PrivateKey::from_raw(KeyType::Rsa, pkcs8.as_ref()).unwrap();
            assert_eq!(key.expose_raw(), pkcs8.as_ref());
            assert_eq!(PrivateKey::from_text(&key.to_text()).unwrap().public_key(), key.public_key());
            for other in [&[][..], &pkcs8.as_ref()[1..], key.public_key().as_raw()] {
                let refused = PrivateKey::from_raw(KeyType::Rsa, other).err().unwrap();
                assert_eq!(refused.code(), ErrorCode::KeyInvalid);
            }
        }

        #[test]
        fn only_thirty_two_bytes_are_a_file_key() {
            let generated = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
            let pkcs8: Pkcs8V1Der<'_> = generated.as_der().unwrap();
            let private = RsaPrivateKey::from_pkcs8(pkcs8.as_ref()).unwrap();
            let public = OaepPublicEncryptingKey::new(generated.public_key()).unwrap();
            for length in [0, 31, 32, 33, 190] {
                let mut ciphertext = [0; 256];
                public.encrypt(&OAEP_SHA256_MGF1SHA256, &vec![7; length], &mut ciphertext, None).unwrap();
                assert_eq!(private.decrypt(&ciphertext).is_some(), length == 32);
            }
            assert!(private.decrypt(&[0xff; 256]).is_none());
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

        pub(in super::super) fn modulus_length(&self) -> usize {
            match *self {}
        }

        pub(in super::super) fn decrypt(&self, _ciphertext: &[u8]) -> Option<Secret<32>> {
            match *self {}
        }
    }
}
