use core::num::NonZeroU64;

use super::form_defect::FormDefect;
use super::message::EXTERNAL_DATA;
use crate::UnixTime;
use crate::cose::{self, SIGNATURE_BYTES};
use crate::encoding::cbor::{self, Form, Key, Reader, Writer};
use crate::identity::Checksum;

const VERSION: u64 = 2;
const SUCCEEDED: u64 = 0;
/// Names of error classes have far fewer letters.
const MAX_ERROR_NAME: usize = 64;

/// What a receipt states: the twelve fields of its payload but the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The function that ran.
    pub function: Checksum,
    /// SHA-256(salt || the bytes that the handler was given).
    pub input_digest: [u8; 32],
    /// SHA-256 of the input as sent, when that was a ciphertext.
    pub ciphertext_digest: Option<[u8; 32]>,
    /// What came of it.
    pub outcome: Outcome,
    /// When the handler began.
    pub started: UnixTime,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// What the caller named the call by, if it did.
    pub call_nonce: Option<[u8; 32]>,
    /// The receipt's number under its key.
    pub sequence: NonZeroU64,
    /// The leaf of the session that the call was made in.
    pub session: [u8; 32],
    /// SHA-384 of the attestation document that the session was opened with.
    pub document_sha384: [u8; 48],
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned, and its caller was sent all of the output.
    Succeeded {
        /// SHA-256(salt || the output).
        output_digest: [u8; 32],
    },
    /// The call failed after its handler had begun.
    Failed {
        /// The name of the error's class: `FunctionTimeout`.
        error: String,
    },
}

impl Statement {
    /// The receipt: this statement, signed. `sign` is ECDSA with SHA-384 on P-384 over what it is
    /// given, its signature r || s.
    pub fn sign<E>(
        &self,
        sign: impl FnOnce(&[u8]) -> Result<[u8; SIGNATURE_BYTES], E>,
    ) -> Result<Vec<u8>, E> {
        let payload = self.encode();
        let signature = sign(&cose::to_be_signed(EXTERNAL_DATA, &payload))?;
        Ok(cose::encode(&payload, &signature))
    }

    fn encode(&self) -> Vec<u8> {
        let mut map = Writer::new();
        map.map(12).uint(1).uint(VERSION);
        map.uint(2).bytes(self.function.as_bytes());
        map.uint(3).bytes(&self.input_digest);
        match &self.outcome {
            Outcome::Succeeded { output_digest } => map.uint(4).bytes(output_digest),
            Outcome::Failed { .. } => map.uint(4).null(),
        };
        write_optional(map.uint(5), self.ciphertext_digest.as_ref());
        match &self.outcome {
            Outcome::Succeeded { .. } => map.uint(6).uint(SUCCEEDED),
            Outcome::Failed { error } => map.uint(6).text(error),
        };
        map.uint(7).uint(self.started.as_millis());
        map.uint(8).uint(self.duration_us);
        write_optional(map.uint(9), self.call_nonce.as_ref());
        map.uint(10).uint(self.sequence.get());
        map.uint(11).bytes(&self.session);
        map.uint(12).bytes(&self.document_sha384);
        map.into_bytes()
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, FormDefect> {
        let fields = Fields::read(payload)?;
        required(1, fields.version)?;
        let function = Checksum::from_bytes(required(2, fields.function)?);
        let input_digest = required(3, fields.input_digest)?;
        let output_digest = required(4, fields.output_digest)?;
        let ciphertext_digest = required(5, fields.ciphertext_digest)?;
        let outcome = match (required(6, fields.error)?, output_digest) {
            (None, Some(output_digest)) => Outcome::Succeeded { output_digest },
            (Some(error), None) => Outcome::Failed { error },
            (None, None) | (Some(_), Some(_)) => return Err(FormDefect::OutputAndOutcome),
        };
        let started = UnixTime::from_millis(required(7, fields.started)?);
        if started.as_millis() == 0 || started > UnixTime::END_OF_9999 {
            return Err(FormDefect::FieldRange { field: 7 });
        }
        Ok(Self {
            function,
            input_digest,
            ciphertext_digest,
            outcome,
            started,
            duration_us: required(8, fields.duration_us)?,
            call_nonce: required(9, fields.call_nonce)?,
            sequence: NonZeroU64::new(required(10, fields.sequence)?)
                .ok_or(FormDefect::FieldRange { field: 10 })?,
            session: required(11, fields.session)?,
            document_sha384: required(12, fields.document_sha384)?,
        })
    }
}

/// The fields as found: the outer `None` means that one is missing, the inner that it is null, or 0
/// for the error.
#[derive(Default)]
struct Fields {
    version: Option<u64>,
    function: Option<[u8; 32]>,
    input_digest: Option<[u8; 32]>,
    output_digest: Option<Option<[u8; 32]>>,
    ciphertext_digest: Option<Option<[u8; 32]>>,
    error: Option<Option<String>>,
    started: Option<u64>,
    duration_us: Option<u64>,
    call_nonce: Option<Option<[u8; 32]>>,
    sequence: Option<u64>,
    session: Option<[u8; 32]>,
    document_sha384: Option<[u8; 48]>,
}

impl Fields {
    fn read(payload: &[u8]) -> Result<Self, FormDefect> {
        let mut fields = Self::default();
        let mut reader = Reader::new(payload, Form::Deterministic);
        let mut map = reader.map().map_err(FormDefect::Payload)?;
        while let Some(key) = map.next_key(&mut reader).map_err(FormDefect::Payload)? {
            let Key::Uint(field @ 1..=12) = key else {
                return Err(FormDefect::FieldUnknown { field: name(key) });
            };
            fields.read_field(field, &mut reader).map_err(|error| match error {
                // What is not well-formed is nobody's field.
                cbor::Error::WrongLength { .. } | cbor::Error::WrongType { .. } => {
                    FormDefect::FieldType { field }
                }
                error => FormDefect::Payload(error),
            })?;
            // The first of the keys, since they are sorted: another version may have other fields.
            if let Some(version) = fields.version.filter(|version| *version != VERSION) {
                return Err(FormDefect::Version(version));
            }
        }
        reader.finish().map_err(FormDefect::Payload)?;
        match &fields.error {
            Some(Some(name)) if !is_error_name(name) => Err(FormDefect::FieldRange { field: 6 }),
            _ => Ok(fields),
        }
    }

    fn read_field(&mut self, field: u64, reader: &mut Reader<'_>) -> Result<(), cbor::Error> {
        match field {
            1 => self.version = Some(reader.uint()?),
            2 => self.function = Some(reader.byte_array()?),
            3 => self.input_digest = Some(reader.byte_array()?),
            4 => self.output_digest = Some(read_optional(reader)?),
            5 => self.ciphertext_digest = Some(read_optional(reader)?),
            6 => self.error = Some(read_error(reader)?),
            7 => self.started = Some(reader.uint()?),
            8 => self.duration_us = Some(reader.uint()?),
            9 => self.call_nonce = Some(read_optional(reader)?),
            10 => self.sequence = Some(reader.uint()?),
            11 => self.session = Some(reader.byte_array()?),
            _ => self.document_sha384 = Some(reader.byte_array()?),
        }
        Ok(())
    }
}

fn write_optional(writer: &mut Writer, value: Option<&[u8; 32]>) {
    match value {
        Some(value) => writer.bytes(value),
        None => writer.null(),
    };
}

fn read_optional(reader: &mut Reader<'_>) -> Result<Option<[u8; 32]>, cbor::Error> {
    let wrong = cbor::Error::WrongType { expected: "a byte string of 32 bytes", offset: reader.offset() };
    reader.bytes_or_null()?.map(|bytes| bytes.try_into().map_err(|_| wrong)).transpose()
}

/// 0, or the name of an error's class.
fn read_error(reader: &mut Reader<'_>) -> Result<Option<String>, cbor::Error> {
    let offset = reader.offset();
    if reader.next_is_text() {
        return reader.text().map(|name| Some(name.to_owned()));
    }
    match reader.uint()? {
        SUCCEEDED => Ok(None),
        _ => Err(cbor::Error::WrongType { expected: "0 or text", offset }),
    }
}

fn is_error_name(name: &str) -> bool {
    name.len() <= MAX_ERROR_NAME
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|letter| letter.is_ascii_alphabetic())
}

fn required<T>(field: u64, value: Option<T>) -> Result<T, FormDefect> {
    value.ok_or(FormDefect::FieldMissing { field })
}

fn name(key: Key<'_>) -> String {
    match key {
        Key::Uint(key) => key.to_string(),
        Key::Negative(key) => key.to_string(),
        Key::Text(_) => "text".to_owned(),
    }
}
