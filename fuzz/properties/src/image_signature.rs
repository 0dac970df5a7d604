//! The section of an image's signature: what is read, another library reads as the same fields.

use cape_eif::Image;
use cape_eif::signing::Signature;
use serde::Deserialize;

use crate::image::IMAGES;

/// As nitro-cli declares it.
#[derive(Deserialize)]
struct Entry {
    signing_certificate: Vec<u8>,
    signature: Vec<u8>,
}

pub(crate) fn check(input: &[u8]) {
    let Ok(signature) = Signature::parse(input) else { return };
    let entries: Vec<Entry> = serde_cbor::from_slice(input).expect("a second opinion");
    let [entry] = entries.as_slice() else { panic!("{} entries", entries.len()) };
    assert_eq!(signature.certificate().pem(), entry.signing_certificate);
    aws_nitro_enclaves_cose::CoseSign1::from_bytes(&entry.signature).expect("a second opinion");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let image = Image::read(IMAGES[0]).expect("an image");
    let section = image.sections().last().expect("a section");
    vec![IMAGES[0][section.offset as usize..].to_vec()]
}
