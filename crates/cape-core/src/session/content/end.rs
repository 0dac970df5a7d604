use core::fmt;

use super::map::{ContentError, MapWriter, UnknownKeys, read_content, read_map, required};
use super::{DescribeAnswer, KeyAnswer, KeyRequest, Request, Salts};
use crate::encoding::cbor::Reader;

/// The enclave's regular end of a call.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct End {
    /// What the call used.
    pub usage: Usage,
    /// The signed receipt of a run.
    pub receipt: Option<Vec<u8>>,
    /// The salts of the receipt.
    pub salts: Option<Salts>,
    /// The last bytes of the output: what no DATA frame carried, at most 64 KiB.
    pub output: Vec<u8>,
    /// The answer to an operation that has one of its own form.
    pub answer: Option<Answer>,
    /// The key that signed the receipt, SPKI in DER.
    pub receipt_key: Option<Vec<u8>>,
    /// Of a run that ended before its input did: bytes of the input, as sent, that its receipt is
    /// about.
    pub input_taken: Option<u64>,
}

/// The answer to `key` or `describe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To `describe`.
    Describe(DescribeAnswer),
    /// To `key`.
    Key(KeyAnswer),
}

/// What a call used. What an enclave leaves out is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time that passed, microseconds.
    pub duration_us: Option<u64>,
    /// Processor time, microseconds.
    pub cpu_us: Option<u64>,
    /// Memory at its highest, bytes.
    pub peak_memory: Option<u64>,
    /// Whether the function had to be loaded first.
    pub cold: Option<bool>,
}

/// What a request is answered with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum AnswerForm {
    Describe,
    Key(KeyRequest),
    /// Bytes of output, and nothing else.
    Output,
}

impl AnswerForm {
    pub(in crate::session) fn of(request: &Request) -> Self {
        match request {
            Request::Describe => Self::Describe,
            Request::Key(request) => Self::Key(*request),
            Request::Deploy { .. } | Request::Run { .. } => Self::Output,
        }
    }
}

impl End {
    pub(in crate::session) fn encode(&self, output_sha256: &[u8; 32]) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.entry(1).bytes(output_sha256);
        map.entry(2).raw(&self.usage.encode());
        if let Some(receipt) = &self.receipt {
            map.entry(3).bytes(receipt);
        }
        if let Some(salts) = &self.salts {
            map.entry(4).raw(&salts.encode());
        }
        if !self.output.is_empty() {
            map.entry(5).bytes(&self.output);
        }
        match &self.answer {
            Some(Answer::Describe(answer)) => _ = map.entry(6).raw(&answer.encode()),
            Some(Answer::Key(answer)) => _ = map.entry(6).raw(&answer.encode()),
            None => {}
        }
        if let Some(receipt_key) = &self.receipt_key {
            map.entry(7).bytes(receipt_key);
        }
        if let Some(input_taken) = self.input_taken {
            map.entry(8).uint(input_taken);
        }
        map.into_bytes()
    }

    /// Reads the end of a call whose answer has that form; also the SHA-256 that the whole output
    /// must have.
    pub(in crate::session) fn decode(
        content: &[u8],
        form: AnswerForm,
    ) -> Result<(Self, [u8; 32]), ContentError> {
        let (mut output_sha256, mut end) = (None, Self::default());
        read_content(content, UnknownKeys::Ignored, |key, reader| {
            match (key, form) {
                (1, _) => output_sha256 = Some(reader.byte_array()?),
                (2, _) => end.usage = Usage::decode(reader)?,
                (3, _) => end.receipt = Some(reader.bytes()?.to_vec()),
                (4, _) => end.salts = Some(Salts::decode(reader, UnknownKeys::Ignored)?),
                (5, _) => end.output = reader.bytes()?.to_vec(),
                (6, AnswerForm::Describe) => {
                    end.answer = Some(Answer::Describe(DescribeAnswer::decode(reader)?))
                }
                (6, AnswerForm::Key(_)) => end.answer = Some(Answer::Key(KeyAnswer::decode(reader)?)),
                (7, _) => end.receipt_key = Some(reader.bytes()?.to_vec()),
                (8, _) => end.input_taken = Some(reader.uint()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if end.answer.is_none() && form != AnswerForm::Output {
            return Err(ContentError::KeyMissing { key: 6 });
        }
        Ok((end, required(1, output_sha256)?))
    }
}

impl Usage {
    fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        for (key, value) in (1..).zip([self.duration_us, self.cpu_us, self.peak_memory]) {
            if let Some(value) = value {
                map.entry(key).uint(value);
            }
        }
        if let Some(cold) = self.cold {
            map.entry(4).bool(cold);
        }
        map.into_bytes()
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ContentError> {
        let mut usage = Self::default();
        read_map(reader, UnknownKeys::Ignored, |key, reader| {
            match key {
                1 => usage.duration_us = Some(reader.uint()?),
                2 => usage.cpu_us = Some(reader.uint()?),
                3 => usage.peak_memory = Some(reader.uint()?),
                4 => usage.cold = Some(reader.bool()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(usage)
    }
}

/// The client's END: a map without entries.
pub(in crate::session) const EMPTY: &[u8] = &[0xa0];

/// Checks the content of the client's END.
pub(in crate::session) fn expect_empty(content: &[u8]) -> Result<(), ContentError> {
    read_content(content, UnknownKeys::Refused, |_, _| Ok(false))
}

/// Shows sizes of what belongs to the caller, not its bytes.
impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End")
            .field("usage", &self.usage)
            .field("output_bytes", &self.output.len())
            .field("receipt_bytes", &self.receipt.as_ref().map(Vec::len))
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}
