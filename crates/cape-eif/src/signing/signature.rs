use core::fmt;

use cape_core::UnixTime;
use cape_core::cose::{self, Rules, Sign1};
use cape_core::encoding::cbor::{self, Container, Form, Key, Reader, Writer};

use super::certificate::{Certificate, CertificateDefect};

/// A signature as it stands in an image. Its form is right; whether it holds says
/// [`Image::verify_signature`](crate::Image::verify_signature).
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    certificate: Certificate,
    /// A COSE_Sign1.
    message: Vec<u8>,
}

const CERTIFICATE: &str = "signing_certificate";
const MESSAGE: &str = "signature";

const RULES: Rules =
    Rules { form: Form::Deterministic, may_be_tagged: false, max_bytes: 1024, payload_bytes: 1..=512 };

impl Signature {
    /// The most bytes that the section of a signature may have.
    pub const MAX_BYTES: u64 = 1 << 16;

    /// Reads the content of the section.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(section: &[u8]) -> Result<Self, SignatureDefect> {
        let mut reader = Reader::new(section, Form::Attestation);
        let mut entries = reader.array()?;
        if !entries.has_next(&mut reader)? {
            return Err(SignatureDefect::EntryCount);
        }
        let mut fields = reader.map()?;
        let certificate = read_field(CERTIFICATE, &mut fields, &mut reader)?;
        let message = read_field(MESSAGE, &mut fields, &mut reader)?;
        if fields.next_key(&mut reader)?.is_some() {
            return Err(SignatureDefect::Fields);
        }
        if entries.has_next(&mut reader)? {
            return Err(SignatureDefect::EntryCount);
        }
        reader.finish()?;
        let certificate = Certificate::from_pem(&certificate).map_err(SignatureDefect::Certificate)?;
        Sign1::parse(&message, &RULES).map_err(SignatureDefect::Message)?;
        Ok(Self { certificate, message })
    }

    pub(super) fn encode(certificate: &Certificate, message: &[u8]) -> Vec<u8> {
        let mut section = Writer::new();
        section.array(1).map(2);
        write_field(CERTIFICATE, certificate.pem(), &mut section);
        write_field(MESSAGE, message, &mut section);
        section.into_bytes()
    }

    /// The certificate that it says the image is signed under.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(crate) fn verify(&self, pcr0: &[u8; 48], now: UnixTime) -> Result<&Certificate, SignatureError> {
        let certificate = &self.certificate;
        let message = Sign1::parse(&self.message, &RULES).map_err(|_| SignatureError::DoesNotHold)?;
        if !message.is_signed_by(certificate.public_key(), &[]) {
            return Err(SignatureError::DoesNotHold);
        }
        if message.payload != payload(pcr0) {
            return Err(SignatureError::OtherImage);
        }
        let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
        if now < not_before {
            return Err(SignatureError::NotYetValid { not_before });
        }
        if now.as_seconds() > not_after.as_seconds() {
            return Err(SignatureError::Expired { not_after });
        }
        Ok(certificate)
    }
}

/// What is signed.
pub(super) fn payload(pcr0: &[u8; 48]) -> Vec<u8> {
    let mut payload = Writer::new();
    payload.map(2).text("register_index").uint(0);
    write_field("register_value", pcr0, &mut payload);
    payload.into_bytes()
}

/// Bytes are arrays of numbers here.
fn write_field(name: &str, bytes: &[u8], writer: &mut Writer) {
    writer.text(name).array(bytes.len());
    bytes.iter().for_each(|byte| _ = writer.uint((*byte).into()));
}

fn read_field<'a>(
    name: &'static str,
    fields: &mut Container<'a>,
    reader: &mut Reader<'a>,
) -> Result<Vec<u8>, SignatureDefect> {
    if fields.next_key(reader)? != Some(Key::Text(name)) {
        return Err(SignatureDefect::Fields);
    }
    let (mut bytes, mut numbers) = (Vec::new(), reader.array()?);
    while numbers.has_next(reader)? {
        let offset = reader.offset();
        let number = reader.uint()?;
        bytes.push(u8::try_from(number).map_err(|_| SignatureDefect::NotAByte { offset, found: number })?);
    }
    Ok(bytes)
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({:?})", self.certificate)
    }
}

/// A rule of form that a signature's section breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureDefect {
    /// It is not CBOR, or has other types than it should.
    Cbor(cbor::Error),
    /// The certificate is wrong.
    Certificate(CertificateDefect),
    /// There is not exactly one signature.
    EntryCount,
    /// Other fields than a certificate and a signature, or in another order.
    Fields,
    /// The message that is signed is wrong.
    Message(cose::Defect),
    /// A number where a byte belongs.
    NotAByte {
        /// Where, in bytes from the section's start.
        offset: usize,
        /// Which.
        found: u64,
    },
}

impl fmt::Display for SignatureDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cbor(error) => write!(f, "{error}"),
            Self::Certificate(defect) => write!(f, "certificate: {defect}"),
            Self::EntryCount => f.write_str("not exactly one signature"),
            Self::Fields => write!(f, "the fields are not {CERTIFICATE} and {MESSAGE}"),
            Self::Message(defect) => write!(f, "COSE_Sign1: {defect}"),
            Self::NotAByte { offset, found } => write!(f, "{found} instead of a byte at byte {offset}"),
        }
    }
}

impl core::error::Error for SignatureDefect {}

impl From<cbor::Error> for SignatureDefect {
    fn from(error: cbor::Error) -> Self {
        Self::Cbor(error)
    }
}

/// Why nobody vouches for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// The signature is not the certificate's.
    DoesNotHold,
    /// The certificate's validity is over.
    Expired {
        /// Its last second.
        not_after: UnixTime,
    },
    /// The certificate's validity has not begun.
    NotYetValid {
        /// Its first second.
        not_before: UnixTime,
    },
    /// The signature holds, for another image.
    OtherImage,
    /// There is none.
    Unsigned,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoesNotHold => f.write_str("the signature does not hold"),
            Self::Expired { not_after } => write!(f, "the signing certificate expired at {not_after}"),
            Self::NotYetValid { not_before } => {
                write!(f, "the signing certificate is valid from {not_before}")
            }
            Self::OtherImage => f.write_str("the signature is of another image: its PCR0 differs"),
            Self::Unsigned => f.write_str("the image is not signed"),
        }
    }
}

impl core::error::Error for SignatureError {}
