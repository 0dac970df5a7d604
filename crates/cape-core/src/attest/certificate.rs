//! One certificate of the chain: X.509 version 3 (RFC 5280) in strict DER, of the one kind that the
//! Nitro PKI issues. What could be read in two ways, or would restrict in a way that is not judged
//! here, is refused.

use super::certificate_time::read_time;
use super::chain_defect::CertificateDefect;
use super::der_defect::DerDefect;
use super::distinguished_name::DistinguishedName;
use crate::UnixTime;
use crate::der::{EXPLICIT_3, INTEGER, OCTET_STRING, Reader, SEQUENCE};
use crate::ecdsa::{self, PublicKey};

/// What a certificate says, once its form is known to be right.
pub(super) struct Certificate<'a> {
    pub(super) der: &'a [u8],
    pub(super) issuer: DistinguishedName<'a>,
    pub(super) subject: DistinguishedName<'a>,
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
    pub(super) public_key: &'a PublicKey,
    pub(super) basic_constraints: BasicConstraints,
    pub(super) key_usage: KeyUsage,
    signed: &'a [u8],
    signature: &'a [u8],
}

/// Whether a certificate may issue others (RFC 5280, 4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BasicConstraints {
    pub(super) is_authority: bool,
    /// How many authorities may follow below this one.
    pub(super) path_length: Option<usize>,
}

/// What a certificate's key may do (RFC 5280, 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyUsage(u16);

impl KeyUsage {
    pub(super) fn digital_signature(self) -> bool {
        self.0 & 0x8000 != 0
    }

    pub(super) fn certificate_signing(self) -> bool {
        self.0 & 0x0400 != 0
    }
}

/// `[0] EXPLICIT INTEGER 2`: version 3.
const VERSION_3: &[u8] = &[0xa0, 3, INTEGER, 1, 2];

/// The AlgorithmIdentifier ecdsa-with-SHA384 (RFC 5758, 3.2), without its outer header: no
/// parameters.
const ECDSA_WITH_SHA384: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];

/// The AlgorithmIdentifier id-ecPublicKey with the named curve secp384r1 (RFC 5480, 2.1), without
/// its outer header.
const EC_PUBLIC_KEY_P384: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22];

/// The longest serial number (RFC 5280, 4.1.2.2), without a leading zero.
const MAX_SERIAL_BYTES: usize = 20;

impl<'a> Certificate<'a> {
    /// Reads a certificate; nothing of it is believed yet.
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, CertificateDefect> {
        let mut certificate = Reader::only(der, SEQUENCE)?;
        let signed = certificate.element()?;
        let algorithm = certificate.read(SEQUENCE)?;
        let signature = certificate.whole_bytes()?;
        certificate.finish()?;
        if signed.tag != SEQUENCE {
            return Err(DerDefect::ElementType.into());
        }
        if algorithm != ECDSA_WITH_SHA384 {
            return Err(CertificateDefect::SignatureAlgorithm);
        }
        check_signature_form(signature)?;

        let mut fields = Reader::new(signed.content);
        if fields.element()?.encoded != VERSION_3 {
            return Err(CertificateDefect::Version);
        }
        if !matches!(fields.unsigned()?.len(), 1..=MAX_SERIAL_BYTES) {
            return Err(CertificateDefect::SerialNumber);
        }
        if fields.read(SEQUENCE)? != ECDSA_WITH_SHA384 {
            return Err(CertificateDefect::SignatureAlgorithm);
        }
        let issuer = DistinguishedName::read(&mut fields)?;
        let mut validity = fields.nested(SEQUENCE)?;
        let (not_before, not_after) = (read_time(&mut validity)?, read_time(&mut validity)?);
        validity.finish()?;
        let subject = DistinguishedName::read(&mut fields)?;
        let public_key = read_public_key(fields.nested(SEQUENCE)?)?;
        let mut explicit = fields.nested(EXPLICIT_3)?;
        let extensions = Extensions::read(explicit.nested(SEQUENCE)?)?;
        explicit.finish()?;
        fields.finish()?;
        Ok(Self {
            der,
            issuer,
            subject,
            not_before,
            not_after,
            public_key,
            basic_constraints: extensions.basic_constraints.ok_or(CertificateDefect::NoBasicConstraints)?,
            key_usage: extensions.key_usage.ok_or(CertificateDefect::NoKeyUsage)?,
            signed: signed.encoded,
            signature,
        })
    }

    /// Whether `time` is within the validity, both ends included, to the second.
    pub(super) fn is_valid_at(&self, time: UnixTime) -> bool {
        (self.not_before.as_seconds()..=self.not_after.as_seconds()).contains(&time.as_seconds())
    }

    /// Whether this certificate was signed with the key that belongs to `issuer_key`.
    pub(super) fn is_signed_by(&self, issuer_key: &PublicKey) -> bool {
        ecdsa::verify_asn1(issuer_key, self.signed, self.signature)
    }
}

/// `Ecdsa-Sig-Value` (RFC 3279, 2.2.3). Providers differ in what they let pass here, so the form is
/// checked before they see it.
fn check_signature_form(signature: &[u8]) -> Result<(), DerDefect> {
    let mut values = Reader::only(signature, SEQUENCE)?;
    values.unsigned()?;
    values.unsigned()?;
    values.finish()
}

fn read_public_key<'a>(mut info: Reader<'a>) -> Result<&'a PublicKey, CertificateDefect> {
    if info.read(SEQUENCE)? != EC_PUBLIC_KEY_P384 {
        return Err(CertificateDefect::PublicKey);
    }
    let point = info.whole_bytes()?;
    info.finish()?;
    match <&PublicKey>::try_from(point) {
        Ok(point @ [4, ..]) => Ok(point),
        _ => Err(CertificateDefect::PublicKey),
    }
}

/// What matters of the extensions (RFC 5280, 4.2).
#[derive(Default)]
struct Extensions {
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<KeyUsage>,
}

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const POLICY_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 36];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
const INHIBIT_ANY_POLICY: &[u8] = &[0x55, 0x1d, 54];

impl Extensions {
    fn read(mut list: Reader<'_>) -> Result<Self, CertificateDefect> {
        let mut found = Self::default();
        let mut seen: Vec<&[u8]> = Vec::with_capacity(8);
        while !list.is_empty() {
            let mut extension = list.nested(SEQUENCE)?;
            let kind = extension.object_identifier()?;
            let is_critical = extension.true_or_absent()?;
            let value = extension.read(OCTET_STRING)?;
            extension.finish()?;
            if seen.contains(&kind) {
                return Err(CertificateDefect::DuplicateExtension);
            }
            seen.push(kind);
            match kind {
                BASIC_CONSTRAINTS if !is_critical => {
                    return Err(CertificateDefect::BasicConstraintsNotCritical);
                }
                BASIC_CONSTRAINTS => found.basic_constraints = Some(read_basic_constraints(value)?),
                KEY_USAGE => found.key_usage = Some(read_key_usage(value)?),
                NAME_CONSTRAINTS | POLICY_CONSTRAINTS | EXTENDED_KEY_USAGE | INHIBIT_ANY_POLICY => {
                    return Err(CertificateDefect::UnjudgedRestriction);
                }
                _ if is_critical => return Err(CertificateDefect::UnknownCriticalExtension),
                _ => {}
            }
        }
        Ok(found)
    }
}

fn read_basic_constraints(value: &[u8]) -> Result<BasicConstraints, CertificateDefect> {
    let mut fields = Reader::only(value, SEQUENCE)?;
    let is_authority = fields.true_or_absent()?;
    let path_length = match fields.is_empty() {
        true => None,
        false if !is_authority => return Err(CertificateDefect::PathLengthOutOfPlace),
        false => Some(match *fields.unsigned()? {
            [] => 0,
            [length] => usize::from(length),
            _ => return Err(CertificateDefect::PathLengthTooLarge),
        }),
    };
    fields.finish()?;
    Ok(BasicConstraints { is_authority, path_length })
}

fn read_key_usage(value: &[u8]) -> Result<KeyUsage, DerDefect> {
    let mut reader = Reader::new(value);
    let bits = reader.named_bits()?;
    reader.finish()?;
    Ok(KeyUsage(bits))
}
