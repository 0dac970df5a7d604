use super::map::{ContentError, MapWriter, UnknownKeys, read_map, required};
use crate::crypto::{Kem, KemPublicKey};
use crate::encoding::cbor::Reader;

/// Which encryption key is asked for by the operation `key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// The account's public key.
    pub account: [u8; 32],
    /// The mechanism of the key.
    pub kem: Kem,
}

/// An account's encryption key, as the enclave that holds its private half states it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyAnswer {
    /// The account's public key, and the mechanism of the encryption key.
    pub request: KeyRequest,
    /// The epoch of the encryption key.
    pub epoch: u32,
    /// The encryption key.
    pub public_key: KemPublicKey,
}

impl KeyRequest {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.entry(1).bytes(&self.account);
        map.entry(2).uint(self.kem.id().into());
        map.into_bytes()
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ContentError> {
        let (mut account, mut kem) = (None, None);
        read_map(reader, UnknownKeys::Refused, |key, reader| {
            match key {
                1 => account = Some(reader.byte_array()?),
                2 => kem = Some(decode_kem(key, reader)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { account: required(1, account)?, kem: required(2, kem)? })
    }
}

impl KeyAnswer {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.entry(1).bytes(&self.request.account);
        map.entry(2).uint(self.request.kem.id().into());
        map.entry(3).uint(self.epoch.into());
        map.entry(4).bytes(self.public_key.as_bytes());
        map.into_bytes()
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ContentError> {
        let (mut account, mut kem, mut epoch, mut public_key) = (None, None, None, None);
        read_map(reader, UnknownKeys::Ignored, |key, reader| {
            match key {
                1 => account = Some(reader.byte_array()?),
                2 => kem = Some(decode_kem(key, reader)?),
                3 => epoch = Some(decode_epoch(key, reader)?),
                4 => public_key = Some(reader.bytes()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let request = KeyRequest { account: required(1, account)?, kem: required(2, kem)? };
        let public_key = KemPublicKey::from_bytes(request.kem, required(4, public_key)?)
            .map_err(|_| ContentError::Value { key: 4, expected: "a public key of the mechanism" })?;
        Ok(Self { request, epoch: required(3, epoch)?, public_key })
    }
}

fn decode_kem(key: u64, reader: &mut Reader<'_>) -> Result<Kem, ContentError> {
    let kem = u16::try_from(reader.uint()?).ok().and_then(Kem::from_id);
    kem.ok_or(ContentError::Value { key, expected: "the number of a known mechanism" })
}

fn decode_epoch(key: u64, reader: &mut Reader<'_>) -> Result<u32, ContentError> {
    reader.uint()?.try_into().map_err(|_| ContentError::Value { key, expected: "an epoch of 32 bits" })
}

impl core::fmt::Debug for KeyAnswer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("KeyAnswer")
            .field("request", &self.request)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
