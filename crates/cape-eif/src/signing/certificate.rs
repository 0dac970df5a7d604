use core::fmt;

use cape_core::UnixTime;
use cape_core::cose::PublicKey;
use x509_parser::oid_registry::{OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::PemDefect;
use super::pem;

/// A certificate that images are signed under: X.509 with a key on P-384. Who issued it is nobody's
/// question; its bytes are PCR8, and that is what others pin.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    pem: Vec<u8>,
    der: Vec<u8>,
    subject: String,
    not_before: UnixTime,
    not_after: UnixTime,
    public_key: PublicKey,
}

impl Certificate {
    /// The most bytes that its text may have, which leaves room for them as numbers and a signature.
    pub const MAX_TEXT_BYTES: usize = 1 << 14;

    /// Reads a certificate as text: one block `CERTIFICATE`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn from_pem(text: &[u8]) -> Result<Self, CertificateDefect> {
        if text.len() > Self::MAX_TEXT_BYTES {
            return Err(CertificateDefect::TextSize { actual: text.len() });
        }
        let blocks = pem::blocks(text)?;
        let [block] = blocks.as_slice() else {
            return Err(PemDefect::BlockCount { found: blocks.len() }.into());
        };
        if block.label != "CERTIFICATE" {
            return Err(PemDefect::Label { expected: "CERTIFICATE" }.into());
        }
        let der = block.content.to_vec();
        let (rest, parsed) = X509Certificate::from_der(&der).map_err(|_| CertificateDefect::Form)?;
        // What is measured has one form: the outer length is not longer than needed.
        if !rest.is_empty() || !has_shortest_header(&der) {
            return Err(CertificateDefect::Form);
        }
        let validity = parsed.validity();
        Ok(Self {
            pem: text.to_vec(),
            subject: parsed.subject().to_string(),
            not_before: time(validity.not_before),
            not_after: time(validity.not_after),
            public_key: public_key(parsed.public_key()).ok_or(CertificateDefect::PublicKey)?,
            der,
        })
    }

    /// The text that it was read from.
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// What PCR8 measures.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whom it names. Anybody may write any name, and any characters.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The first second of its validity; the epoch for an earlier one.
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// The key that signatures hold for.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, not_before, not_after, .. } = self;
        write!(f, "Certificate({subject:?}, {not_before} to {not_after})")
    }
}

fn public_key(info: &SubjectPublicKeyInfo<'_>) -> Option<PublicKey> {
    let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
    let point = &info.subject_public_key;
    let is_p384 = info.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == OID_NIST_EC_P384;
    if !is_p384 || point.unused_bits != 0 {
        return None;
    }
    // Uncompressed (SEC 1, 2.3.3).
    PublicKey::try_from(point.data.as_ref()).ok().filter(|point| point.first() == Some(&4))
}

fn time(time: ASN1Time) -> UnixTime {
    UnixTime::from_seconds(u64::try_from(time.timestamp()).unwrap_or(0))
}

/// X.690, 10.1.
fn has_shortest_header(der: &[u8]) -> bool {
    match der {
        [_, length, ..] if *length < 0x80 => true,
        [_, 0x81, length, ..] => *length >= 0x80,
        [_, 0x82, high, ..] => *high != 0,
        _ => false,
    }
}

/// Why a text is no certificate that images are signed under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateDefect {
    /// It is not one certificate in DER.
    Form,
    /// It is not one block of PEM.
    Pem(PemDefect),
    /// Its key is not on P-384, or not an uncompressed point.
    PublicKey,
    /// Its text is longer than [`Certificate::MAX_TEXT_BYTES`].
    TextSize {
        /// Its bytes.
        actual: usize,
    },
}

impl fmt::Display for CertificateDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("not an X.509 certificate in DER"),
            Self::Pem(defect) => write!(f, "{defect}"),
            Self::PublicKey => f.write_str("the key is not an uncompressed point on P-384"),
            Self::TextSize { actual } => {
                write!(f, "a text of {actual} bytes, more than {}", Certificate::MAX_TEXT_BYTES)
            }
        }
    }
}

impl core::error::Error for CertificateDefect {}

impl From<PemDefect> for CertificateDefect {
    fn from(defect: PemDefect) -> Self {
        Self::Pem(defect)
    }
}
