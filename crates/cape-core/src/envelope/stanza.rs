use super::error::{Defect, Error};
use super::key::{PrivateKey, PrivateMaterial, PublicKey, PublicMaterial, invalid};
use super::key_id::{KeyId, KeyType};
use super::rsa::MODULUS_LENGTHS;
use crate::Randomness;
use crate::crypto::{self, Kem, Secret};

/// The secret of one envelope, from which MAC and payload keys come.
pub(super) type FileKey = Secret<32>;

/// The first bytes of a header: magic, version, suite, flags.
pub(super) type Preamble = [u8; 8];

/// Bytes before a stanza's body: type, body length, key id.
const STANZA_HEAD_LENGTH: usize = 12;

/// A file key of 32 bytes and the tag of ChaCha20-Poly1305.
const SEALED_FILE_KEY_LENGTH: usize = 48;

/// One recipient's part of a header.
#[derive(Clone, Copy)]
pub(super) struct Stanza<'a> {
    pub(super) key_type: u16,
    pub(super) key_id: KeyId,
    body: &'a [u8],
}

impl<'a> Stanza<'a> {
    /// Reads the stanza that `bytes` begins with, and returns what follows it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Defect> {
        let (stanza, rest) = Self::split(bytes).ok_or(Defect::StanzaOverrun)?;
        let length = stanza.body.len();
        let valid = match KeyType::from_id(stanza.key_type) {
            Some(KeyType::X25519) => length == hpke_body_length(Kem::X25519),
            Some(KeyType::XWing) => length == hpke_body_length(Kem::XWing),
            Some(KeyType::Rsa) => MODULUS_LENGTHS.contains(&length),
            // Skipped: a later version of the format may give it to recipients of its own.
            None => true,
        };
        if !valid {
            return Err(Defect::StanzaLength { key_type: stanza.key_type, length });
        }
        Ok((stanza, rest))
    }

    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (key_type, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (key_id, rest) = rest.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        let key_type = u16::from_be_bytes(*key_type);
        Some((Self { key_type, key_id: KeyId::from_bytes(*key_id), body }, rest))
    }

    /// Whether it is marked as the key's.
    pub(super) fn names(&self, key: &PublicKey) -> bool {
        self.is_of_type(key) && !self.key_id.is_anonymous() && self.key_id == key.key_id()
    }

    /// Whether it could be the key's, though its recipient is not told.
    pub(super) fn may_hide(&self, key: &PublicKey) -> bool {
        self.is_of_type(key) && self.key_id.is_anonymous()
    }

    /// The whole stanza, as it was read.
    pub(super) fn to_bytes(self) -> Result<Vec<u8>, Error> {
        encode(self.key_type, self.key_id, self.body)
    }

    fn is_of_type(&self, key: &PublicKey) -> bool {
        self.key_type == key.key_type().id()
    }

    /// The file key; `None` when the stanza does not open, whatever the reason.
    pub(super) fn unwrap(&self, key: &PrivateKey, preamble: &Preamble) -> Option<FileKey> {
        match key.material() {
            PrivateMaterial::Hpke(key) => {
                let (encapsulated, sealed) = self.body.split_at_checked(key.kem().encapsulated_length())?;
                crypto::open(key, encapsulated, &wrap_info(self.key_type, preamble), sealed).ok()
            }
            PrivateMaterial::Rsa(key) => key.decrypt(self.body),
        }
    }
}

/// Bytes of the stanza for a recipient.
pub(super) fn stanza_length(recipient: &PublicKey) -> usize {
    STANZA_HEAD_LENGTH
        + match recipient.material() {
            PublicMaterial::Hpke(key) => hpke_body_length(key.kem()),
            PublicMaterial::Rsa(key) => key.modulus_length(),
        }
}

/// Wraps the file key for a recipient: the whole stanza.
pub(super) fn wrap(
    file_key: &FileKey,
    recipient: &PublicKey,
    anonymous: bool,
    preamble: &Preamble,
    rng: &mut dyn Randomness,
) -> Result<Vec<u8>, Error> {
    let key_type = recipient.key_type().id();
    let body = match recipient.material() {
        PublicMaterial::Hpke(key) => {
            let info = wrap_info(key_type, preamble);
            let (mut encapsulated, sealed) = crypto::seal(key, &info, file_key.expose(), rng)
                .map_err(|error| invalid(key.kem(), error))?;
            encapsulated.extend(sealed);
            encapsulated
        }
        PublicMaterial::Rsa(key) => key.encrypt(file_key)?,
    };
    encode(key_type, if anonymous { KeyId::ANONYMOUS } else { recipient.key_id() }, &body)
}

fn encode(key_type: u16, key_id: KeyId, body: &[u8]) -> Result<Vec<u8>, Error> {
    let length = u16::try_from(body.len()).map_err(|_| Error::TooLong)?;
    Ok([&key_type.to_be_bytes(), &length.to_be_bytes(), key_id.as_bytes().as_slice(), body].concat())
}

fn hpke_body_length(kem: Kem) -> usize {
    kem.encapsulated_length() + SEALED_FILE_KEY_LENGTH
}

/// HPKE's `info`: a stanza of one type, version, suite or set of flags opens as no other.
fn wrap_info(key_type: u16, preamble: &Preamble) -> Vec<u8> {
    [b"cape/2 wrap".as_slice(), &key_type.to_be_bytes(), preamble].concat()
}
