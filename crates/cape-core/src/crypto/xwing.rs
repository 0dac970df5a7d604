//! X-Wing (draft-connolly-cfrg-xwing-kem) for builds with AWS-LC: that of `hpke`, but that a private key
//! is expanded once, where `hpke` expands it twice for each use, and that AWS-LC encapsulates and
//! decapsulates, ML-KEM in an eighth of the time (`docs/performance.md`). AWS-LC draws its own randomness:
//! where that is given, `hpke`'s own X-Wing is used.

use std::sync::Arc;

use aws_lc_rs::agreement::{self, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::digest::{self, SHA3_256};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768, SharedSecret};
use hpke::hybrid_array::sizes::{U32, U1216};
use hpke::kem::XWing as Portable;
use hpke::{Deserializable, HpkeError, Kem, Serializable, kem};
use ml_kem::ml_kem_768;
use rand_core::CryptoRng;
use shake::{ExtendableOutput, Shake256, Update, XofReader};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use super::Secret;

/// Bytes of a public key, and of ML-KEM-768's part of it, which is the first.
const PUBLIC_LENGTH: usize = super::Kem::XWing.public_key_length();
const MLKEM_PUBLIC_LENGTH: usize = PUBLIC_LENGTH - SHARE_LENGTH;
/// Bytes of ML-KEM-768's part of an encapsulated key, which is the first too.
const MLKEM_CIPHERTEXT_LENGTH: usize = super::Kem::XWing.encapsulated_length() - SHARE_LENGTH;
/// Bytes of X25519's part of either.
const SHARE_LENGTH: usize = 32;
/// Where the public key stands in ML-KEM-768's expanded private key (FIPS 203, algorithm 16).
const MLKEM_PUBLIC: core::ops::Range<usize> = 1152..2336;
const LABEL: &[u8] = br"\.//^\";

pub(super) struct XWing;

/// A public key of the right length. AWS-LC checks the rest of its form whenever it encapsulates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey(Box<[u8; PUBLIC_LENGTH]>);

/// A seed, and what it expands to.
#[derive(Clone)]
pub(super) struct PrivateKey(Arc<Expanded>);

struct Expanded {
    seed: Secret<32>,
    halves: Halves,
    public: PublicKey,
}

struct Halves {
    mlkem: DecapsulationKey,
    x25519: agreement::PrivateKey,
    x25519_public: agreement::PublicKey,
}

impl PublicKey {
    /// A fresh secret, and that encapsulated for this key (section 5.4).
    fn encapsulate(&self) -> Result<(kem::SharedSecret<XWing>, Vec<u8>), Unspecified> {
        let (mlkem, x25519) = self.0.split_at(MLKEM_PUBLIC_LENGTH);
        let mlkem = EncapsulationKey::new(&ML_KEM_768, mlkem).map_err(|_| Unspecified)?;
        let (ciphertext, mlkem_secret) = mlkem.encapsulate()?;
        let ephemeral = agreement::PrivateKey::generate(&X25519)?;
        let share = ephemeral.compute_public_key()?;
        let secret = combined(&mlkem_secret, &ephemeral, share.as_ref(), x25519, x25519)?;
        Ok((secret, [ciphertext.as_ref(), share.as_ref()].concat()))
    }
}

impl PrivateKey {
    /// Expands a seed (section 5.2).
    fn expand(seed: Secret<32>) -> Result<Self, HpkeError> {
        let mut expanded = Zeroizing::new([0; 96]);
        let mut hash = Shake256::default();
        hash.update(seed.expose());
        hash.finalize_xof().read(expanded.as_mut_slice());
        let (mlkem_seed, x25519) = expanded.split_at(64);
        let mlkem_seed = mlkem_seed.try_into().map_err(|_| HpkeError::ValidationError)?;
        let mlkem = expand_mlkem(mlkem_seed);
        let public_mlkem = mlkem.get(MLKEM_PUBLIC).unwrap_or_default();

        let x25519 = agreement::PrivateKey::from_private_key(&X25519, x25519)
            .map_err(|_| HpkeError::ValidationError)?;
        let x25519_public = x25519.compute_public_key().map_err(|_| HpkeError::ValidationError)?;
        let public = PublicKey::from_bytes(&[public_mlkem, x25519_public.as_ref()].concat())?;
        let mlkem = DecapsulationKey::new(&ML_KEM_768, &mlkem).map_err(|_| HpkeError::ValidationError)?;
        Ok(Self(Arc::new(Expanded { seed, halves: Halves { mlkem, x25519, x25519_public }, public })))
    }
}

/// AWS-LC reads the form that FIPS 203 has, not the seed.
#[expect(deprecated, reason = "AWS-LC reads no other form of a private key")]
fn expand_mlkem(seed: &[u8; 64]) -> Zeroizing<Vec<u8>> {
    use ml_kem::ExpandedKeyEncoding;

    let mut expanded = ml_kem_768::DecapsulationKey::from_seed((*seed).into()).to_expanded_bytes();
    let kept = Zeroizing::new(expanded.to_vec());
    expanded.as_mut_slice().zeroize();
    kept
}

impl Halves {
    /// The secret that was encapsulated (section 5.5).
    fn decapsulate(&self, encapsulated: &[u8]) -> Result<kem::SharedSecret<XWing>, Unspecified> {
        let (ciphertext, share) =
            encapsulated.split_at_checked(MLKEM_CIPHERTEXT_LENGTH).ok_or(Unspecified)?;
        let mlkem_secret = self.mlkem.decapsulate(Ciphertext::from(ciphertext))?;
        combined(&mlkem_secret, &self.x25519, share, share, self.x25519_public.as_ref())
    }
}

/// The combiner (section 5.3), of ML-KEM's secret and of X25519's, which `own` and `peer` agree on. What comes
/// of it is wiped when it goes.
fn combined(
    mlkem_secret: &SharedSecret,
    own: &agreement::PrivateKey,
    share: &[u8],
    peer: &[u8],
    recipient: &[u8],
) -> Result<kem::SharedSecret<XWing>, Unspecified> {
    agree(own, UnparsedPublicKey::new(&X25519, peer), Unspecified, |x25519_secret| {
        let mut hash = digest::Context::new(&SHA3_256);
        [mlkem_secret.as_ref(), x25519_secret, share, recipient, LABEL]
            .iter()
            .for_each(|part| hash.update(part));
        let mut secret = kem::SharedSecret::<XWing>::default();
        secret.0.copy_from_slice(hash.finish().as_ref());
        Ok(secret)
    })
}

impl Kem for XWing {
    type PublicKey = PublicKey;
    type PrivateKey = PrivateKey;
    type EncappedKey = <Portable as Kem>::EncappedKey;
    type NSecret = U32;
    const KEM_ID: u16 = Portable::KEM_ID;

    fn sk_to_pk(key: &PrivateKey) -> PublicKey {
        key.0.public.clone()
    }

    fn derive_keypair(ikm: &[u8]) -> (PrivateKey, PublicKey) {
        let (portable, _) = Portable::derive_keypair(ikm);
        let Ok(key) = PrivateKey::from_bytes(&portable.to_bytes()) else {
            unreachable!("32 bytes are a seed, whichever they are");
        };
        let public = Self::sk_to_pk(&key);
        (key, public)
    }

    fn decap(
        key: &PrivateKey,
        sender: Option<&PublicKey>,
        encapsulated: &Self::EncappedKey,
    ) -> Result<kem::SharedSecret<Self>, HpkeError> {
        // X-Wing authenticates no sender, and base mode has none.
        if sender.is_some() {
            return Err(HpkeError::DecapError);
        }
        key.0.halves.decapsulate(&encapsulated.to_bytes()).map_err(|_| HpkeError::DecapError)
    }

    fn encap_with_rng(
        recipient: &PublicKey,
        sender: Option<(&PrivateKey, &PublicKey)>,
        _: &mut impl CryptoRng,
    ) -> Result<(kem::SharedSecret<Self>, Self::EncappedKey), HpkeError> {
        if sender.is_some() {
            return Err(HpkeError::EncapError);
        }
        let (secret, encapsulated) = recipient.encapsulate().map_err(|_| HpkeError::EncapError)?;
        Ok((secret, Self::EncappedKey::from_bytes(&encapsulated)?))
    }
}

impl Deserializable for PublicKey {
    fn from_bytes(encoded: &[u8]) -> Result<Self, HpkeError> {
        let bytes: &[u8; PUBLIC_LENGTH] =
            encoded.try_into().map_err(|_| HpkeError::IncorrectInputLength(PUBLIC_LENGTH, encoded.len()))?;
        Ok(Self(Box::new(*bytes)))
    }
}

impl Serializable for PublicKey {
    type OutputSize = U1216;

    fn write_exact(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(self.0.as_slice());
    }
}

impl Deserializable for PrivateKey {
    fn from_bytes(encoded: &[u8]) -> Result<Self, HpkeError> {
        let seed: &[u8; 32] =
            encoded.try_into().map_err(|_| HpkeError::IncorrectInputLength(32, encoded.len()))?;
        Self::expand(Secret::fill_with(|place| place.copy_from_slice(seed)))
    }
}

impl Serializable for PrivateKey {
    type OutputSize = U32;

    fn write_exact(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(self.0.seed.expose());
    }
}

impl ConstantTimeEq for PrivateKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.seed.expose().ct_eq(other.0.seed.expose())
    }
}

#[cfg(test)]
mod published_vectors;

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use rand_core::{Rng, UnwrapErr};

    use super::*;

    #[test]
    fn it_is_the_mechanism_that_hpke_has() {
        let rng = &mut UnwrapErr(SysRng);
        for _ in 0..20 {
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            let ours = PrivateKey::from_bytes(&seed).unwrap();
            let portable = <Portable as Kem>::PrivateKey::from_bytes(&seed).unwrap();
            let public = Portable::sk_to_pk(&portable);
            assert_eq!(ours.0.public.0.as_slice(), public.to_bytes().as_slice());
            assert_eq!(ours.to_bytes(), portable.to_bytes());

            let (secret, encapsulated) = XWing::encap_with_rng(&ours.0.public, None, rng).unwrap();
            assert_eq!(XWing::decap(&ours, None, &encapsulated).unwrap().0, secret.0);
            assert_eq!(Portable::decap(&portable, None, &encapsulated).unwrap().0, secret.0);

            let (secret, encapsulated) = Portable::encap_with_rng(&public, None, rng).unwrap();
            assert_eq!(XWing::decap(&ours, None, &encapsulated).unwrap().0, secret.0);

            // Of what was altered both make the same secret, which is nobody else's.
            let mut altered = encapsulated.to_bytes();
            altered[usize::from(seed[0])] ^= 1;
            let altered = <Portable as Kem>::EncappedKey::from_bytes(&altered).unwrap();
            let rejected = XWing::decap(&ours, None, &altered).unwrap().0;
            assert_eq!(rejected, Portable::decap(&portable, None, &altered).unwrap().0);
            assert_ne!(rejected, secret.0);

            let derived = (XWing::derive_keypair(&seed).1, Portable::derive_keypair(&seed).1);
            assert_eq!(derived.0.to_bytes(), derived.1.to_bytes());
        }
    }

    #[test]
    fn nothing_is_encapsulated_for_what_no_honest_party_makes() {
        let rng = &mut UnwrapErr(SysRng);
        let (_, public) = XWing::derive_keypair(&[7; 32]);
        let sound = public.to_bytes().to_vec();
        let encapsulates = |bytes: &[u8]| {
            XWing::encap_with_rng(&PublicKey::from_bytes(bytes).unwrap(), None, &mut *rng).is_ok()
        };
        // A coefficient that is not reduced (FIPS 203, section 7.2), and shares that agree on zero.
        let unreduced = [&[0x01, 0x1d, 0xd0], &sound[3..]].concat();
        let low_order = [&sound[..MLKEM_PUBLIC_LENGTH], &[0; 32]].concat();
        assert!(
            [sound, unreduced, low_order]
                .iter()
                .map(|bytes| bytes.as_slice())
                .map(encapsulates)
                .eq([true, false, false])
        );
    }
}
