//! Certificates, from whatever fields one likes.

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, SigningKey};

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const ECDSA_WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
pub(crate) const SECP384R1: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];

pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];

/// An element in DER.
pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let header = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [header, content].concat()
}

/// A key on P-384.
pub(crate) struct Key(KeyPair);

impl Key {
    pub(crate) fn generate() -> Self {
        Self(KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap())
    }

    /// `04 || x || y`.
    pub(crate) fn point(&self) -> &[u8] {
        self.0.public_key_raw()
    }

    /// ECDSA with SHA-384, as certificates have it: r and s in a SEQUENCE.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).unwrap()
    }

    /// The same as COSE has it: r || s.
    pub(crate) fn sign_fixed(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.sign(message);
        let (r, s) = signature[4..].split_at(signature[3].into());
        [r, &s[2..]]
            .map(|number| {
                let magnitude = number.strip_prefix(&[0]).unwrap_or(number);
                [&vec![0; 48 - magnitude.len()], magnitude].concat()
            })
            .concat()
    }
}

/// A certificate to be: its elements, each whole.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) version: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    /// Inside of what is signed, and beside it.
    pub(crate) algorithms: [Vec<u8>; 2],
    pub(crate) issuer: Vec<u8>,
    pub(crate) validity: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    /// What stands between the key and the extensions.
    pub(crate) unique_ids: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl Certificate {
    /// One that is in order.
    pub(crate) fn new(issuer: &str, subject: &str, validity: (&str, &str), key: &Key) -> Self {
        Self {
            version: der(0xa0, &[&der(INTEGER, &[&[2]])]),
            serial: der(INTEGER, &[&[0x5e, 1]]),
            algorithms: [algorithm(), algorithm()],
            issuer: name(issuer),
            validity: der(SEQUENCE, &[&utc_time(validity.0), &utc_time(validity.1)]),
            subject: name(subject),
            public_key: public_key(SECP384R1, key.point()),
            unique_ids: Vec::new(),
            extensions: Vec::new(),
        }
    }

    pub(crate) fn signed_by(&self, key: &Key) -> Vec<u8> {
        let signed = self.to_be_signed();
        self.with_signature(&key.sign(&signed))
    }

    pub(crate) fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        signed_with(&self.to_be_signed(), &self.algorithms[1], signature)
    }

    pub(crate) fn to_be_signed(&self) -> Vec<u8> {
        let extensions = der(0xa3, &[&der(SEQUENCE, &[&self.extensions.concat()])]);
        let fields = [
            &self.version,
            &self.serial,
            &self.algorithms[0],
            &self.issuer,
            &self.validity,
            &self.subject,
            &self.public_key,
            &self.unique_ids,
            &extensions,
        ];
        der(SEQUENCE, &fields.map(Vec::as_slice))
    }

    /// Puts another extension in the place of the one of its kind.
    pub(crate) fn replace(&mut self, extension: Vec<u8>) {
        let kind = extension[2..7].to_vec();
        let place = self.extensions.iter_mut().find(|known| known[2..7] == kind);
        *place.unwrap() = extension;
    }
}

/// A certificate of anything that was signed.
pub(crate) fn certificate(to_be_signed: &[u8], signature: &[u8]) -> Vec<u8> {
    signed_with(to_be_signed, &algorithm(), signature)
}

fn signed_with(to_be_signed: &[u8], algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[to_be_signed, algorithm, &der(BIT_STRING, &[&[0], signature])])
}

/// ecdsa-with-SHA384, without parameters.
pub(crate) fn algorithm() -> Vec<u8> {
    der(SEQUENCE, &[&der(OBJECT_IDENTIFIER, &[ECDSA_WITH_SHA384])])
}

pub(crate) fn public_key(curve: &[u8], point: &[u8]) -> Vec<u8> {
    public_key_with(&der(OBJECT_IDENTIFIER, &[curve]), point)
}

/// A key on a curve that is said in any way.
pub(crate) fn public_key_with(parameters: &[u8], point: &[u8]) -> Vec<u8> {
    let algorithm = der(SEQUENCE, &[&der(OBJECT_IDENTIFIER, &[EC_PUBLIC_KEY]), parameters]);
    der(SEQUENCE, &[&algorithm, &der(BIT_STRING, &[&[0], point])])
}

pub(crate) fn name(common_name: &str) -> Vec<u8> {
    let value = der(UTF8_STRING, &[common_name.as_bytes()]);
    let attribute = der(SEQUENCE, &[&der(OBJECT_IDENTIFIER, &[&[0x55, 4, 3]]), &value]);
    der(SEQUENCE, &[&der(SET, &[&attribute])])
}

/// `YYMMDDHHMMSSZ`.
pub(crate) fn utc_time(text: &str) -> Vec<u8> {
    der(UTC_TIME, &[text.as_bytes()])
}

pub(crate) fn extension(kind: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if is_critical { der(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    der(SEQUENCE, &[&der(OBJECT_IDENTIFIER, &[kind]), &critical, &der(OCTET_STRING, &[value])])
}

/// An authority's, with or without a path length.
pub(crate) fn authority(path_length: Option<u8>) -> Vec<u8> {
    let limit = path_length.map(|length| der(INTEGER, &[&[length]])).unwrap_or_default();
    extension(BASIC_CONSTRAINTS, true, &der(SEQUENCE, &[&der(BOOLEAN, &[&[0xff]]), &limit]))
}

pub(crate) fn no_authority() -> Vec<u8> {
    extension(BASIC_CONSTRAINTS, true, &der(SEQUENCE, &[]))
}

/// digitalSignature and nonRepudiation.
pub(crate) const SIGNS_DATA: &[u8] = &[BIT_STRING, 2, 6, 0xc0];
/// keyCertSign alone.
pub(crate) const SIGNS_CERTIFICATES: &[u8] = &[BIT_STRING, 2, 2, 0x04];

pub(crate) fn key_usage(bits: &[u8]) -> Vec<u8> {
    extension(KEY_USAGE, false, bits)
}
