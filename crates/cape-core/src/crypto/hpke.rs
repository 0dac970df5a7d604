use hpke::aead::{ChaCha20Poly1305, ExportOnlyAead};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};

use super::Secret;
use super::kem::{
    HpkeError, Kem, KemPrivateKey, KemPublicKey, Mechanism, PortableXWing, XWing, check_share, private_key,
    public_key,
};
use crate::Randomness;

/// HPKE in base mode, one shot, with HKDF-SHA256 and ChaCha20-Poly1305 and no associated data
/// (RFC 9180, section 6.1): the encapsulated key and the ciphertext.
pub fn seal(
    recipient: &KemPublicKey,
    info: &[u8],
    plaintext: &[u8],
    rng: &mut dyn Randomness,
) -> Result<(Vec<u8>, Vec<u8>), HpkeError> {
    match recipient.kem() {
        Kem::X25519 => seal_with::<X25519HkdfSha256>(recipient, info, plaintext, rng),
        Kem::XWing if rng.is_replaceable() => seal_with::<XWing>(recipient, info, plaintext, rng),
        Kem::XWing => seal_with::<PortableXWing>(recipient, info, plaintext, rng),
    }
}

/// Opens what [`seal`] made, when it holds exactly `N` bytes.
pub fn open<const N: usize>(
    recipient: &KemPrivateKey,
    encapsulated: &[u8],
    info: &[u8],
    ciphertext: &[u8],
) -> Result<Secret<N>, HpkeError> {
    check_share(recipient.kem(), encapsulated, recipient.kem().encapsulated_length())?;
    match recipient.kem() {
        Kem::X25519 => open_with::<X25519HkdfSha256, N>(recipient, encapsulated, info, ciphertext),
        Kem::XWing => open_with::<XWing, N>(recipient, encapsulated, info, ciphertext),
    }
}

/// The exporter of an HPKE context whose AEAD is export-only (RFC 9180, section 5.3).
pub struct Exporter(Context);

type SenderContext<K> = hpke::aead::AeadCtxS<ExportOnlyAead, HkdfSha256, K>;
type ReceiverContext<K> = hpke::aead::AeadCtxR<ExportOnlyAead, HkdfSha256, K>;

enum Context {
    SenderX25519(SenderContext<X25519HkdfSha256>),
    SenderXWing(SenderContext<XWing>),
    SenderPortableXWing(SenderContext<PortableXWing>),
    ReceiverX25519(ReceiverContext<X25519HkdfSha256>),
    ReceiverXWing(ReceiverContext<XWing>),
}

impl Exporter {
    /// `N` bytes for the given context; both sides get the same.
    pub fn export<const N: usize>(&self, exporter_context: &[u8]) -> Secret<N> {
        const { assert!(N <= 255 * 32, "HKDF yields at most 255 blocks") };
        Secret::fill_with(|output| {
            let exported = match &self.0 {
                Context::SenderX25519(context) => context.export(exporter_context, output),
                Context::SenderXWing(context) => context.export(exporter_context, output),
                Context::SenderPortableXWing(context) => context.export(exporter_context, output),
                Context::ReceiverX25519(context) => context.export(exporter_context, output),
                Context::ReceiverXWing(context) => context.export(exporter_context, output),
            };
            // A secret of zeros would be worse than none.
            let Ok(()) = exported else {
                unreachable!("the length is within what HKDF yields, as asserted above");
            };
        })
    }
}

/// HPKE SetupBaseS with the export-only AEAD: the encapsulated key to send, and the exporter.
pub fn setup_sender(
    recipient: &KemPublicKey,
    info: &[u8],
    rng: &mut dyn Randomness,
) -> Result<(Vec<u8>, Exporter), HpkeError> {
    match recipient.kem() {
        Kem::X25519 => setup_sender_with(recipient, info, rng, Context::SenderX25519),
        Kem::XWing if rng.is_replaceable() => setup_sender_with(recipient, info, rng, Context::SenderXWing),
        Kem::XWing => setup_sender_with(recipient, info, rng, Context::SenderPortableXWing),
    }
}

/// HPKE SetupBaseR with the export-only AEAD.
pub fn setup_receiver(
    recipient: &KemPrivateKey,
    encapsulated: &[u8],
    info: &[u8],
) -> Result<Exporter, HpkeError> {
    check_share(recipient.kem(), encapsulated, recipient.kem().encapsulated_length())?;
    match recipient.kem() {
        Kem::X25519 => setup_receiver_with(recipient, encapsulated, info).map(Context::ReceiverX25519),
        Kem::XWing => setup_receiver_with(recipient, encapsulated, info).map(Context::ReceiverXWing),
    }
    .map(Exporter)
}

fn seal_with<K: hpke::Kem>(
    recipient: &KemPublicKey,
    info: &[u8],
    plaintext: &[u8],
    mut rng: &mut dyn Randomness,
) -> Result<(Vec<u8>, Vec<u8>), HpkeError> {
    let invalid = |_| HpkeError::InvalidKey { kem: recipient.kem() };
    let (encapsulated, mut context) = hpke::setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, K>(
        &OpModeS::Base,
        &public_key::<K>(recipient)?,
        info,
        &mut rng,
    )
    .map_err(invalid)?;
    let ciphertext = context.seal(plaintext, &[]).map_err(invalid)?;
    Ok((encapsulated.to_bytes().as_slice().to_vec(), ciphertext))
}

fn open_with<K: Mechanism, const N: usize>(
    recipient: &KemPrivateKey,
    encapsulated: &[u8],
    info: &[u8],
    ciphertext: &[u8],
) -> Result<Secret<N>, HpkeError> {
    let invalid = |_| HpkeError::InvalidKey { kem: recipient.kem() };
    let encapsulated = K::EncappedKey::from_bytes(encapsulated).map_err(invalid)?;
    let mut context = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, K>(
        &OpModeR::Base,
        private_key::<K>(recipient)?,
        &encapsulated,
        info,
    )
    .map_err(|_| HpkeError::Open)?;
    let plaintext = context.open(ciphertext, &[]).map_err(|_| HpkeError::Open)?;
    let mut plaintext = zeroize::Zeroizing::new(plaintext);
    let bytes: &mut [u8; N] = plaintext.as_mut_slice().try_into().map_err(|_| HpkeError::Open)?;
    Ok(Secret::take(bytes))
}

fn setup_sender_with<K: hpke::Kem>(
    recipient: &KemPublicKey,
    info: &[u8],
    mut rng: &mut dyn Randomness,
    named: impl FnOnce(SenderContext<K>) -> Context,
) -> Result<(Vec<u8>, Exporter), HpkeError> {
    let (encapsulated, context) =
        hpke::setup_sender_with_rng::<_, _, K>(&OpModeS::Base, &public_key::<K>(recipient)?, info, &mut rng)
            .map_err(|_| HpkeError::InvalidKey { kem: recipient.kem() })?;
    Ok((encapsulated.to_bytes().as_slice().to_vec(), Exporter(named(context))))
}

fn setup_receiver_with<K: Mechanism>(
    recipient: &KemPrivateKey,
    encapsulated: &[u8],
    info: &[u8],
) -> Result<ReceiverContext<K>, HpkeError> {
    let invalid = |_| HpkeError::InvalidKey { kem: recipient.kem() };
    let encapsulated = K::EncappedKey::from_bytes(encapsulated).map_err(invalid)?;
    hpke::setup_receiver(&OpModeR::Base, private_key::<K>(recipient)?, &encapsulated, info).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::*;

    #[test]
    fn sealed_for_a_key_opens_with_it_alone() {
        let rng = &mut UnwrapErr(SysRng);
        for kem in [Kem::X25519, Kem::XWing] {
            let (key, other) = (KemPrivateKey::generate(kem, rng), KemPrivateKey::generate(kem, rng));
            let public = key.public_key().unwrap();
            let (encapsulated, ciphertext) = seal(&public, b"info", &[7; 32], rng).unwrap();
            assert_eq!(encapsulated.len(), kem.encapsulated_length());
            assert_eq!(open::<32>(&key, &encapsulated, b"info", &ciphertext).unwrap().expose(), &[7; 32]);
            assert_eq!(open::<32>(&other, &encapsulated, b"info", &ciphertext).err(), Some(HpkeError::Open));
            assert_eq!(open::<32>(&key, &encapsulated, b"other", &ciphertext).err(), Some(HpkeError::Open));
            assert_eq!(open::<16>(&key, &encapsulated, b"info", &ciphertext).err(), Some(HpkeError::Open));
        }
    }

    #[test]
    fn both_sides_export_the_same() {
        let rng = &mut UnwrapErr(SysRng);
        for kem in [Kem::X25519, Kem::XWing] {
            let key = KemPrivateKey::generate(kem, rng);
            let (encapsulated, sender) = setup_sender(&key.public_key().unwrap(), b"info", rng).unwrap();
            let receiver = setup_receiver(&key, &encapsulated, b"info").unwrap();
            assert_eq!(sender.export::<32>(b"a").expose(), receiver.export::<32>(b"a").expose());
            assert_ne!(sender.export::<32>(b"a").expose(), receiver.export::<32>(b"b").expose());
        }
    }
}
