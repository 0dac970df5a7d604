//! A symmetric KMS key: what it wraps is bound to the encryption context.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

pub(crate) type EncryptionContext = BTreeMap<String, String>;

const NONCE: usize = 12;

pub(crate) struct KmsKey(LessSafeKey);

impl KmsKey {
    pub(crate) fn generate() -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &random::<32>()).expect("a key")))
    }

    /// A `CiphertextBlob`.
    pub(crate) fn wrap(&self, plaintext: &[u8], context: &EncryptionContext) -> Vec<u8> {
        let nonce = random::<NONCE>();
        let mut sealed = plaintext.to_vec();
        let key_nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(key_nonce, additional_data(context), &mut sealed)
            .expect("a short text");
        [&nonce[..], &sealed].concat()
    }

    /// What a `CiphertextBlob` of this key and context has in it.
    pub(crate) fn unwrap(&self, wrapped: &[u8], context: &EncryptionContext) -> Option<Vec<u8>> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        Some(self.0.open_in_place(nonce, additional_data(context), &mut sealed).ok()?.to_vec())
    }
}

fn additional_data(context: &EncryptionContext) -> Aad<Vec<u8>> {
    Aad::from(serde_json::to_vec(context).expect("a map of texts"))
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}
