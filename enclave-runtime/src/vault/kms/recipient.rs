//! For whom KMS encrypts: an RSA key that is born in here, for one answer, and never leaves.

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use cape_core::cms::EnvelopedData;
use cape_core::crypto::Secret;
use zeroize::Zeroizing;

use super::error::KmsError;

/// The key, and what it is known by.
pub(super) struct Recipient {
    key: OaepPrivateDecryptingKey,
    public_key: Vec<u8>,
}

impl Recipient {
    /// A new key: RSA-2048, which is what KMS takes.
    pub(super) fn generate() -> Result<Self, KmsError> {
        generate().map_err(|Unspecified| KmsError::NoKey)
    }

    /// SPKI in DER.
    pub(super) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The 32 bytes that KMS encrypted for this key. Whatever is wrong with what is encrypted is one error.
    pub(super) fn open(&self, message: &[u8]) -> Result<Secret<32>, KmsError> {
        let data = EnvelopedData::parse(message).map_err(KmsError::Envelope)?;
        self.decrypt(data).map_err(|Unspecified| KmsError::NotForThisKey)
    }

    fn decrypt(&self, data: EnvelopedData<'_>) -> Result<Secret<32>, Unspecified> {
        let mut buffer = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let content_key = self.key.decrypt(&OAEP_SHA256_MGF1SHA256, data.encrypted_key, &mut buffer, None)?;
        let content_key = UnboundCipherKey::new(&AES_256, content_key)?;
        let iv = DecryptionContext::Iv128(FixedLength::from(data.iv));
        let mut content = Zeroizing::new(data.ciphertext);
        let secret = PaddedBlockDecryptingKey::cbc_pkcs7(content_key)?.decrypt(&mut content, iv)?;
        Ok(Secret::take(secret.try_into().map_err(|_| Unspecified)?))
    }
}

fn generate() -> Result<Recipient, Unspecified> {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048)?;
    let public_key: PublicKeyX509Der<'_> = key.public_key().as_der()?;
    let public_key = public_key.as_ref().to_vec();
    Ok(Recipient { key: OaepPrivateDecryptingKey::new(key)?, public_key })
}

#[cfg(test)]
mod tests {
    use cape_core::encoding::hex;
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str::<Value>(include_str!("../../../../tests/vectors/cms.json")).unwrap()["openssl"]
            .take()
    }

    fn bytes(value: &Value) -> Vec<u8> {
        base64_simd::STANDARD.decode_to_vec(value.as_str().unwrap()).unwrap()
    }

    fn recipient(vectors: &Value) -> Recipient {
        Recipient::of_pkcs8(&bytes(&vectors["private_key"]))
    }

    impl Recipient {
        pub(crate) fn of_pkcs8(key: &[u8]) -> Self {
            let key = PrivateDecryptingKey::from_pkcs8(key).unwrap();
            Self { key: OaepPrivateDecryptingKey::new(key).unwrap(), public_key: Vec::new() }
        }
    }

    #[test]
    fn what_openssl_encrypts_is_opened() {
        let vectors = vectors();
        for encoding in ["definite", "indefinite"] {
            let secret = recipient(&vectors).open(&bytes(&vectors[encoding])).ok().unwrap();
            assert_eq!(hex::encode(secret.expose()), vectors["plaintext"].as_str().unwrap());
        }
    }

    #[test]
    fn another_key_a_changed_key_and_bad_padding_are_one_error() {
        let vectors = vectors();
        let message = bytes(&vectors["definite"]);
        let error =
            |recipient: &Recipient, message: &[u8]| recipient.open(message).err().unwrap().to_string();
        let not_for_this_key = KmsError::NotForThisKey.to_string();
        assert_eq!(error(&Recipient::generate().unwrap(), &message), not_for_this_key);
        let recipient = recipient(&vectors);
        // The encrypted key, and the last block, which is all padding, by itself and by the one before it.
        for at in [200, message.len() - 1, message.len() - 17] {
            let mut changed = message.clone();
            changed[at] ^= 1;
            assert_eq!(error(&recipient, &changed), not_for_this_key, "{at}");
        }
    }
}
