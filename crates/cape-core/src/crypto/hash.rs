use super::Secret;
use super::provider::{digest, hkdf, hmac};

/// SHA-256 of `parts`, one after the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finish()
}

/// SHA-384 of `parts`, one after the other.
pub fn sha384(parts: &[&[u8]]) -> [u8; 48] {
    let mut hash = Sha384::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finish()
}

macro_rules! incremental_hash {
    ($name:ident, $algorithm:ident, $length:literal, $title:literal) => {
        #[doc = concat!($title, " over data that comes in pieces.")]
        #[derive(Clone)]
        pub struct $name(digest::Context);

        impl $name {
            /// A hash of nothing yet.
            pub fn new() -> Self {
                Self(digest::Context::new(&digest::$algorithm))
            }

            /// Adds data.
            pub fn update(&mut self, data: &[u8]) {
                self.0.update(data);
            }

            /// The digest of all that was added.
            pub fn finish(self) -> [u8; $length] {
                let digest = self.0.finish();
                let mut bytes = [0; $length];
                bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
                bytes
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

incremental_hash!(Sha256, SHA256, 32, "SHA-256");
incremental_hash!(Sha384, SHA384, 48, "SHA-384");

/// HMAC-SHA-256 (RFC 2104) of `parts`, one after the other.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    let tag = context.sign();
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}

/// HKDF-SHA-512 (RFC 5869): extract with `salt`, then expand with `info` to `N` bytes.
pub fn hkdf_sha512<const N: usize>(salt: &[u8], input_key: &[u8], info: &[&[u8]]) -> Secret<N> {
    expand(&hkdf::Salt::new(hkdf::HKDF_SHA512, salt).extract(input_key), info)
}

/// HKDF-Expand-SHA-512 (RFC 5869, section 2.3) alone, over a key that is uniform already.
pub fn hkdf_sha512_expand<const N: usize>(key: &[u8], info: &[&[u8]]) -> Secret<N> {
    expand(&hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, key), info)
}

fn expand<const N: usize>(key: &hkdf::Prk, info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32, "HKDF yields at most 255 blocks") };
    Secret::fill_with(|output| {
        // A secret of zeros would be worse than none.
        let Ok(()) = key.expand(info, Length(N)).and_then(|material| material.fill(output)) else {
            unreachable!("the length is within what HKDF yields, as asserted when this is compiled");
        };
    })
}

/// How many bytes to expand to; the provider takes it as a type.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::hex;

    #[test]
    fn hashes_do_not_depend_on_how_data_is_cut() {
        assert_eq!(sha256(&[b"ab", b"c"]), sha256(&[b"abc"]));
        assert_eq!(sha384(&[b"ab", b"", b"c"]), sha384(&[b"abc"]));
        assert_eq!(
            hex::encode(&sha256(&[b"abc"])),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
