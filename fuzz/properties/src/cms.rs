//! What KMS encrypts for an enclave: what is read is of whole blocks, and written as DER it is read as the same.

use base64_simd::STANDARD;
use cape_core::cms::EnvelopedData;

const VECTORS: &str = include_str!("../../../tests/vectors/cms.json");

const ENVELOPED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
/// RSAES-OAEP with SHA-256, and MGF1 with the same.
const OAEP: &[u8] = b"\x30\x38\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x2b\xa0\x0d\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\xa1\x1a\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
const AES_256_CBC: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
const VERSION: &[u8] = &[2, 1, 2];

pub(crate) fn check(input: &[u8]) {
    let Ok(read) = EnvelopedData::parse(input) else { return };
    assert!(!read.ciphertext.is_empty() && read.ciphertext.len().is_multiple_of(16));
    assert!(read.ciphertext.len() + read.encrypted_key.len() < input.len());
    let written = write(&read);
    assert_eq!(EnvelopedData::parse(&written).as_ref(), Ok(&read));
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).expect("vectors");
    ["/kms", "/openssl/definite", "/openssl/indefinite"]
        .map(|name| vectors.pointer(name).and_then(serde_json::Value::as_str).expect("a vector"))
        .map(|text| STANDARD.decode_to_vec(text).expect("base64"))
        .to_vec()
}

fn write(data: &EnvelopedData<'_>) -> Vec<u8> {
    let encrypted_key = element(0x04, data.encrypted_key);
    let recipient = element(0x30, &[VERSION, &element(0x80, b"key"), OAEP, &encrypted_key].concat());
    let algorithm = element(0x30, &[AES_256_CBC, &element(0x04, &data.iv)].concat());
    let content = element(0x30, &[DATA, &algorithm, &element(0x80, &data.ciphertext)].concat());
    let enveloped = element(0x30, &[VERSION, &element(0x31, &recipient), &content].concat());
    element(0x30, &[ENVELOPED_DATA, &element(0xa0, &enveloped)].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("less than was read").to_be_bytes();
    let head = match content.len() {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head, content.to_vec()].concat()
}
