//! CMS EnvelopedData as KMS makes it for an enclave: in DER, and in BER with indefinite lengths.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use cape_core::crypto::sha256;

use crate::key::random;

/// How lengths are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Definite,
    /// Of what is around the recipient and the content, which is in parts of so many bytes.
    Indefinite {
        part: usize,
    },
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTET_STRING: u8 = 0x04;
const VERSION: &[u8] = &[2, 1, 2];
const ENVELOPED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const RSAES_OAEP: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07";
const MGF1: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08";
const SHA_256: &[u8] = b"\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00";
const AES_256_CBC: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a";

/// `secret`, for the key of this SPKI in DER; `None` when that is no RSA key. With `bad_padding` the last byte of what
/// is padded says a length that padding does not have.
pub(crate) fn seal(
    public_key: &[u8],
    secret: &[u8],
    encoding: Encoding,
    bad_padding: bool,
) -> Option<Vec<u8>> {
    let (content_key, iv) = (random::<32>(), random::<16>());
    let public = PublicEncryptingKey::from_der(public_key).ok()?;
    let mut encrypted_key = vec![0; public.key_size_bytes()];
    OaepPublicEncryptingKey::new(public)
        .ok()?
        .encrypt(&OAEP_SHA256_MGF1SHA256, &content_key, &mut encrypted_key, None)
        .ok()?;
    let mut ciphertext = secret.to_vec();
    let key =
        PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &content_key).ok()?).ok()?;
    key.less_safe_encrypt(&mut ciphertext, EncryptionContext::Iv128(FixedLength::from(iv))).ok()?;
    if bad_padding {
        // The last byte of the block before is added to the last byte of the padding.
        let at = ciphertext.len().checked_sub(17)?;
        *ciphertext.get_mut(at)? ^= 0x80;
    }
    Some(message(&sha256(&[public_key]), &encrypted_key, &iv, &ciphertext, encoding))
}

fn message(key_id: &[u8], encrypted_key: &[u8], iv: &[u8], ciphertext: &[u8], encoding: Encoding) -> Vec<u8> {
    let mgf1 = element(SEQUENCE, &[MGF1, SHA_256].concat());
    let parameters = [element(0xa0, SHA_256), element(0xa1, &mgf1)].concat();
    let oaep = element(SEQUENCE, &[RSAES_OAEP, &element(SEQUENCE, &parameters)].concat());
    let identifier = element(0x80, key_id);
    let encrypted_key = element(OCTET_STRING, encrypted_key);
    let recipient = element(SEQUENCE, &[VERSION, &identifier, &oaep, &encrypted_key].concat());
    let cbc = element(SEQUENCE, &[AES_256_CBC, &element(OCTET_STRING, iv)].concat());
    let (outer, content) = match encoding {
        Encoding::Definite => (element as Write, element(0x80, ciphertext)),
        Encoding::Indefinite { part } => {
            let parts: Vec<u8> =
                ciphertext.chunks(part).flat_map(|part| element(OCTET_STRING, part)).collect();
            (indefinite as Write, indefinite(0xa0, &parts))
        }
    };
    let content = outer(SEQUENCE, &[DATA, &cbc, &content].concat());
    let data = outer(SEQUENCE, &[VERSION, &element(SET, &recipient), &content].concat());
    outer(SEQUENCE, &[ENVELOPED_DATA, &outer(0xa0, &data)].concat())
}

/// Writes an element of a type and content.
type Write = fn(u8, &[u8]) -> Vec<u8>;

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a short element");
    let [high, low] = length.to_be_bytes();
    let head = match length {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head, content.to_vec()].concat()
}

fn indefinite(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], content, &[0, 0]].concat()
}
