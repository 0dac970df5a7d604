use super::map::{ContentError, MapWriter, UnknownKeys, read_map, required};
use crate::encoding::cbor::Reader;

/// The answer to the operation `describe`: what the attestation document's `user_data` hashes, and
/// how the enclave does at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeAnswer {
    /// The runtime's static description, the very bytes that are hashed; read them with
    /// [`RuntimeDescription::decode`](crate::session::RuntimeDescription::decode).
    pub description: Vec<u8>,
    /// The receipt key, SPKI in DER.
    pub receipt_key: Vec<u8>,
    /// What changes with time; the enclave's word, vouched for by the session alone.
    pub state: PresentState,
}

/// How an enclave does at present. What a newer enclave leaves out is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PresentState {
    /// Calls that could start now.
    pub slots: Option<u64>,
    /// Calls that run now.
    pub calls: Option<u64>,
    /// Functions with a loaded worker.
    pub warm_functions: Option<u64>,
    /// The enclave's clock, milliseconds since 1970.
    pub clock_ms: Option<u64>,
    /// The time of the enclave's security module at that moment, milliseconds since 1970.
    pub module_clock_ms: Option<u64>,
}

impl DescribeAnswer {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.entry(1).bytes(&self.description);
        map.entry(2).bytes(&self.receipt_key);
        map.entry(3).raw(&self.state.encode());
        map.into_bytes()
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ContentError> {
        let (mut description, mut receipt_key, mut state) = (None, None, None);
        read_map(reader, UnknownKeys::Ignored, |key, reader| {
            match key {
                1 => description = Some(reader.bytes()?.to_vec()),
                2 => receipt_key = Some(reader.bytes()?.to_vec()),
                3 => state = Some(PresentState::decode(reader)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            description: required(1, description)?,
            receipt_key: required(2, receipt_key)?,
            state: required(3, state)?,
        })
    }
}

impl PresentState {
    fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        let values = [self.slots, self.calls, self.warm_functions, self.clock_ms, self.module_clock_ms];
        for (key, value) in (1..).zip(values) {
            if let Some(value) = value {
                map.entry(key).uint(value);
            }
        }
        map.into_bytes()
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ContentError> {
        let mut state = Self::default();
        read_map(reader, UnknownKeys::Ignored, |key, reader| {
            match key {
                1 => state.slots = Some(reader.uint()?),
                2 => state.calls = Some(reader.uint()?),
                3 => state.warm_functions = Some(reader.uint()?),
                4 => state.clock_ms = Some(reader.uint()?),
                5 => state.module_clock_ms = Some(reader.uint()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(state)
    }
}
