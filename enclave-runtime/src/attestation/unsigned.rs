//! Documents that nobody has signed: those of the security module that QEMU has. No verifier takes
//! them; the settings of a development image may let the runtime show them all the same.

use std::time::Duration;

use cape_core::UnixTime;
use cape_core::encoding::cbor::{Error, Form, Key, Reader};

/// How long one is shown: as long as AWS's certificates hold, since these have none that ends.
pub(super) const LIFETIME: Duration = Duration::from_secs(3 * 3600);

/// When a document claims to have been made, whoever signed it.
pub(super) fn timestamp(document: &[u8]) -> Result<UnixTime, String> {
    read(document).map_err(|error| error.to_string())?.ok_or_else(|| "it has no timestamp".to_owned())
}

fn read(document: &[u8]) -> Result<Option<UnixTime>, Error> {
    let mut reader = Reader::new(document, Form::Attestation);
    let mut message = reader.array_of(4)?;
    let mut payload: &[u8] = &[];
    for part in 0..4 {
        message.has_next(&mut reader)?;
        match part {
            2 => payload = reader.bytes()?,
            _ => reader.skip()?,
        }
    }
    reader.finish()?;
    let mut reader = Reader::new(payload, Form::Attestation);
    let mut fields = reader.map()?;
    while let Some(key) = fields.next_key(&mut reader)? {
        if key == Key::Text("timestamp") {
            return Ok(Some(UnixTime::from_millis(reader.uint()?)));
        }
        reader.skip()?;
    }
    Ok(None)
}

/// What QEMU 10's module makes of the same payload (hw/virtio/virtio-nsm.c): no algorithm, no
/// certificate, and zeros for a signature.
#[cfg(test)]
fn as_qemu_makes_it(timestamp_ms: u64) -> Vec<u8> {
    use cape_core::encoding::cbor::Writer;
    let (zeros, mut payload) = ([0; 64], Writer::new());
    payload.map(9).text("module_id").text("i-234-enc5678").text("digest").text("SHA384");
    payload.text("timestamp").uint(timestamp_ms).text("pcrs").map(1).uint(0).bytes(&[7; 48]);
    payload.text("certificate").bytes(&zeros).text("cabundle").array(1).bytes(&zeros);
    payload.text("public_key").null().text("user_data").null().text("nonce").null();
    let mut document = Writer::new();
    document.array(4).bytes(&[0xa1, 0x01, 0x20]).map(0).bytes(&payload.into_bytes()).bytes(&zeros);
    document.into_bytes()
}

/// A security module that signs nothing, as QEMU's.
#[cfg(test)]
pub(crate) struct UnsignedNsm;

#[cfg(test)]
impl cape_nsm::Nsm for UnsignedNsm {
    fn exchange(&self, _request: &[u8]) -> Result<Vec<u8>, cape_nsm::Error> {
        let document = as_qemu_makes_it(crate::clock::Clock::default().now().as_millis());
        let mut response = cape_core::encoding::cbor::Writer::new();
        response.map(1).text("Attestation").map(1).text("document").bytes(&document);
        Ok(response.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use cape_core::attest::Document;

    use super::*;

    #[test]
    fn the_time_of_an_unsigned_document_is_read() {
        let document = as_qemu_makes_it(1_800_000_000_123);
        assert_eq!(timestamp(&document), Ok(UnixTime::from_millis(1_800_000_000_123)));
    }

    #[test]
    fn who_verifies_refuses_it() {
        assert!(Document::parse(&as_qemu_makes_it(1_800_000_000_000)).is_err());
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        let document = as_qemu_makes_it(1_800_000_000_000);
        assert!(timestamp(&document[..document.len() - 1]).is_err());
        assert!(timestamp(&[&document[..], b"\0"].concat()).is_err());
        assert!(timestamp(b"").is_err());
        assert_eq!(timestamp(b"\x84\x40\xa0\x41\xa0\x40"), Err("it has no timestamp".to_owned()));
    }
}
