//! The payload of a document: check 3.

use core::ops::RangeInclusive;

use super::form_defect::{FormDefect, check_length};
use super::roots::MAX_CERTIFICATE_BYTES;
use crate::UnixTime;
use crate::encoding::cbor::{Form, Key, Reader};
use crate::excerpt::excerpt;

/// A Platform Configuration Register: a SHA-384 over what was measured.
pub type Pcr = [u8; 48];

/// Registers that can be: 0 to 31. A genuine document has 16 or 17 of them.
const PCR_COUNT: usize = 32;
/// What the enclave may put in each of its three fields. AWS documents 512; 746 bytes were seen.
const OPTIONAL_FIELD_BYTES: RangeInclusive<usize> = 0..=1024;
const BUNDLE_CERTIFICATES: RangeInclusive<usize> = 1..=8;
const CERTIFICATE_BYTES: RangeInclusive<usize> = 1..=MAX_CERTIFICATE_BYTES;

/// Every field of a document. Whoever holds one has read it, and believes nothing of it yet.
#[derive(Clone)]
pub(super) struct Payload<'a> {
    pub(super) module_id: &'a str,
    pub(super) timestamp: UnixTime,
    pub(super) pcrs: Registers<'a>,
    pub(super) certificates: Certificates<'a>,
    pub(super) public_key: Option<&'a [u8]>,
    pub(super) user_data: Option<&'a [u8]>,
    pub(super) nonce: Option<&'a [u8]>,
}

/// The certificates of a document, in DER, none of them read yet.
#[derive(Clone)]
pub(super) struct Certificates<'a> {
    /// The first of `cabundle`.
    pub(super) root: &'a [u8],
    /// The rest of `cabundle`, downward.
    pub(super) intermediates: Vec<&'a [u8]>,
    /// `certificate`: its key signed the document.
    pub(super) leaf: &'a [u8],
}

impl<'a> Payload<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, FormDefect> {
        let fields = Fields::read(bytes).map_err(FormDefect::in_payload)?;
        let module_id = fields.module_id.ok_or(FormDefect::MissingField("module_id"))?;
        let digest = fields.digest.ok_or(FormDefect::MissingField("digest"))?;
        let timestamp = fields.timestamp.ok_or(FormDefect::MissingField("timestamp"))?;
        let pcrs = fields.pcrs.ok_or(FormDefect::MissingField("pcrs"))?;
        let leaf = fields.certificate.ok_or(FormDefect::MissingField("certificate"))?;
        let bundle = fields.cabundle.ok_or(FormDefect::MissingField("cabundle"))?;
        let public_key = fields.public_key.ok_or(FormDefect::MissingField("public_key"))?;
        let user_data = fields.user_data.ok_or(FormDefect::MissingField("user_data"))?;
        let nonce = fields.nonce.ok_or(FormDefect::MissingField("nonce"))?;

        check_length("module_id", module_id.len(), 1..=usize::MAX)?;
        if digest != "SHA384" {
            return Err(FormDefect::Digest(excerpt(digest)));
        }
        if timestamp == 0 {
            return Err(FormDefect::ZeroTimestamp);
        }
        check_length("pcrs", pcrs.iter().count(), 1..=PCR_COUNT)?;
        check_length("cabundle", bundle.len(), BUNDLE_CERTIFICATES)?;
        for certificate in bundle.iter().chain([&leaf]) {
            check_length("certificate", certificate.len(), CERTIFICATE_BYTES)?;
        }
        for (field, value) in [("public_key", public_key), ("user_data", user_data), ("nonce", nonce)] {
            check_length(field, value.unwrap_or_default().len(), OPTIONAL_FIELD_BYTES)?;
        }
        let (root, intermediates) = bundle.split_first().ok_or(FormDefect::MissingField("cabundle"))?;
        Ok(Self {
            module_id,
            timestamp: UnixTime::from_millis(timestamp),
            pcrs,
            certificates: Certificates { root, intermediates: intermediates.to_vec(), leaf },
            public_key,
            user_data,
            nonce,
        })
    }
}

/// The fields as found: the outer `None` means that one is missing, the inner that it is null.
#[derive(Default)]
struct Fields<'a> {
    module_id: Option<&'a str>,
    digest: Option<&'a str>,
    timestamp: Option<u64>,
    pcrs: Option<Registers<'a>>,
    certificate: Option<&'a [u8]>,
    cabundle: Option<Vec<&'a [u8]>>,
    public_key: Option<Option<&'a [u8]>>,
    user_data: Option<Option<&'a [u8]>>,
    nonce: Option<Option<&'a [u8]>>,
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, FormDefect> {
        let mut fields = Self::default();
        let mut reader = Reader::new(bytes, Form::Attestation);
        let mut map = reader.map()?;
        while let Some(key) = map.next_key(&mut reader)? {
            match key {
                Key::Text("module_id") => fields.module_id = Some(reader.text()?),
                Key::Text("digest") => fields.digest = Some(reader.text()?),
                Key::Text("timestamp") => fields.timestamp = Some(reader.uint()?),
                Key::Text("pcrs") => fields.pcrs = Some(Registers::read(&mut reader)?),
                Key::Text("certificate") => fields.certificate = Some(reader.bytes()?),
                Key::Text("cabundle") => fields.cabundle = Some(read_bundle(&mut reader)?),
                Key::Text("public_key") => fields.public_key = Some(reader.bytes_or_null()?),
                Key::Text("user_data") => fields.user_data = Some(reader.bytes_or_null()?),
                Key::Text("nonce") => fields.nonce = Some(reader.bytes_or_null()?),
                Key::Text(other) => return Err(FormDefect::UnknownField(excerpt(other))),
                Key::Uint(_) | Key::Negative(_) => {
                    return Err(FormDefect::UnknownField("a number".to_owned()));
                }
            }
        }
        reader.finish()?;
        Ok(fields)
    }
}

fn read_bundle<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, FormDefect> {
    let mut bundle = Vec::with_capacity(*BUNDLE_CERTIFICATES.end());
    let mut array = reader.array()?;
    while array.has_next(reader)? {
        bundle.push(reader.bytes()?);
    }
    Ok(bundle)
}

/// The registers a document tells, by index.
#[derive(Clone, Default)]
pub(super) struct Registers<'a>([Option<&'a Pcr>; PCR_COUNT]);

impl<'a> Registers<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, FormDefect> {
        let mut registers = Self::default();
        let mut map = reader.map()?;
        while let Some(key) = map.next_key(reader)? {
            let Key::Uint(index) = key else { return Err(FormDefect::PcrIndex) };
            let index = usize::try_from(index).map_err(|_| FormDefect::PcrIndex)?;
            let register = registers.0.get_mut(index).ok_or(FormDefect::PcrIndex)?;
            let value = reader.bytes()?;
            check_length("pcr", value.len(), 48..=48)?;
            *register = value.try_into().ok();
        }
        Ok(registers)
    }

    /// The value of a register; `None` if the document does not tell it.
    pub(super) fn get(&self, index: u8) -> Option<&'a Pcr> {
        self.0.get(usize::from(index)).copied().flatten()
    }

    /// The registers there are, in rising order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &'a Pcr)> {
        (0..).zip(&self.0).filter_map(|(index, value)| Some((index, (*value)?)))
    }
}
