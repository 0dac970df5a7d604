//! Documents of a security module that does not sign.

use super::cbor;

/// The protected header of real documents: ES384.
const ES384: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];

/// The same document under the algorithm of real ones; still nobody has signed it.
pub(crate) fn with_algorithm(document: &[u8]) -> Vec<u8> {
    let mut message = cbor::decode(document);
    message.as_array_mut().unwrap()[0] = ES384.to_vec().into();
    cbor::encode(&message)
}
