use core::fmt;

use super::{AccountId, Checksum, Error};
use crate::Randomness;
use crate::crypto::{Kem, KemPrivateKey, Secret, hkdf_sha512, hkdf_sha512_expand};
use crate::encoding::hex;
use crate::envelope::{PREFIX_LENGTH, PayloadOpener, PayloadSealer, Suite, payload_length};

/// A platform's one secret, and all that follows from it: who has it can open every function and
/// every input of the platform (`docs/spec/trust.md`, vault).
pub struct Vault {
    secret: Secret<32>,
}

impl Vault {
    /// The vault of this secret.
    pub fn new(secret: Secret<32>) -> Self {
        Self { secret }
    }

    /// The secret, for whatever keeps it.
    pub fn expose(&self) -> &[u8; 32] {
        self.secret.expose()
    }

    /// The vault id: it names the secret, and tells nothing of it.
    pub fn id(&self) -> [u8; 32] {
        *hkdf_sha512_expand::<32>(self.secret.expose(), &[b"cape/2 vault id"]).expose()
    }

    /// An account's encryption key of an epoch. It never leaves enclaves.
    pub fn account_key(&self, kem: Kem, account: AccountId, epoch: u32) -> KemPrivateKey {
        let info: &[&[u8]] =
            &[b"cape/2 account key", &kem.id().to_be_bytes(), account.as_bytes(), &epoch.to_be_bytes()];
        KemPrivateKey::from_seed(kem, hkdf_sha512(&[], self.secret.expose(), info))
    }

    /// Begins to seal a blob for its place; the bytes returned come before the sealed chunks.
    pub fn seal(
        &self,
        name: BlobName,
        rng: &mut dyn Randomness,
    ) -> Result<(PayloadSealer, [u8; PREFIX_LENGTH]), Error> {
        PayloadSealer::new(Suite::Aes256Gcm, &self.blob_key(name), &name.context(), rng)
            .map_err(|_| Error::SealBroken)
    }

    /// Begins to open what is stored in a place. Bytes from another place do not open.
    pub fn open(&self, name: BlobName, prefix: &[u8; PREFIX_LENGTH]) -> Result<PayloadOpener, Error> {
        PayloadOpener::new(Suite::Aes256Gcm, &self.blob_key(name), &name.context(), prefix)
            .map_err(|_| Error::SealBroken)
    }

    /// Seals a blob that is small enough to be whole in memory.
    pub fn seal_whole(
        &self,
        name: BlobName,
        blob: &[u8],
        rng: &mut dyn Randomness,
    ) -> Result<Vec<u8>, Error> {
        let (sealer, prefix) = self.seal(name, rng)?;
        let mut sealed = vec![0; payload_length(blob.len()).ok_or(Error::SealBroken)?];
        let (start, chunks) = sealed.split_at_mut_checked(PREFIX_LENGTH).ok_or(Error::SealBroken)?;
        start.copy_from_slice(&prefix);
        sealer.seal_last(blob, chunks).map_err(|_| Error::SealBroken)?;
        Ok(sealed)
    }

    /// Opens a blob that is small enough to be whole in memory.
    pub fn open_whole(&self, name: BlobName, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let (prefix, chunks) = sealed.split_first_chunk().ok_or(Error::SealBroken)?;
        let mut blob = vec![0; chunks.len()];
        let length = self.open(name, prefix)?.open_last(chunks, &mut blob).map_err(|_| Error::SealBroken)?;
        blob.truncate(length);
        Ok(blob)
    }

    fn blob_key(&self, name: BlobName) -> Secret<32> {
        hkdf_sha512(&[], self.secret.expose(), &[&name.context()])
    }
}

/// What is stored of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobKind {
    /// The code: a zip.
    Bundle,
    /// The signed manifest, whose presence makes the function one of the platform's.
    Manifest,
}

impl BlobKind {
    const fn id(self) -> u8 {
        match self {
            Self::Bundle => 1,
            Self::Manifest => 2,
        }
    }
}

/// The place of a blob: what of which function it is. As text it is what the host's store calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlobName {
    /// What is stored.
    pub kind: BlobKind,
    /// Whose.
    pub function: Checksum,
}

impl BlobName {
    /// "cape/2 blob" || u8 kind || checksum.
    fn context(self) -> Vec<u8> {
        [b"cape/2 blob", &[self.kind.id()][..], self.function.as_bytes()].concat()
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", hex::encode(&[self.kind.id()]), self.function)
    }
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(Secret::fill_with(|secret| secret.fill(byte)))
    }

    fn name(kind: BlobKind, byte: u8) -> BlobName {
        BlobName { kind, function: Checksum::from_bytes([byte; 32]) }
    }

    #[test]
    fn a_blob_opens_in_its_own_place_alone() {
        let rng = &mut UnwrapErr(SysRng);
        let place = name(BlobKind::Bundle, 7);
        let blob = vec![5; 40_000];
        let sealed = vault(1).seal_whole(place, &blob, rng).unwrap();
        assert_eq!(vault(1).open_whole(place, &sealed), Ok(blob));
        for (vault, place) in [
            (vault(2), place),
            (vault(1), name(BlobKind::Manifest, 7)),
            (vault(1), name(BlobKind::Bundle, 8)),
        ] {
            assert_eq!(vault.open_whole(place, &sealed), Err(Error::SealBroken));
        }
        for length in [0, 10, PREFIX_LENGTH, PREFIX_LENGTH + 5, sealed.len() - 1] {
            assert_eq!(vault(1).open_whole(place, &sealed[..length]), Err(Error::SealBroken));
        }
        let mut altered = sealed.clone();
        altered[sealed.len() / 2] ^= 1;
        assert_eq!(vault(1).open_whole(place, &altered), Err(Error::SealBroken));
    }

    #[test]
    fn a_blobs_key_is_the_published_one() {
        let vectors = include_str!("../../../../tests/vectors/session2.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let bytes =
            |name: &str| hex::decode_array::<32>(vectors["statements"][name].as_str().unwrap()).unwrap();
        let vault = Vault::new(Secret::take(&mut bytes("vault_secret")));
        let place = BlobName { kind: BlobKind::Bundle, function: Checksum::from_bytes(bytes("checksum")) };
        assert_eq!(vault.blob_key(place).expose(), &bytes("blob_key_bundle"));
    }

    #[test]
    fn names_are_hexadecimal() {
        assert_eq!(name(BlobKind::Manifest, 0xab).to_string(), format!("02{}", "ab".repeat(32)));
    }
}
