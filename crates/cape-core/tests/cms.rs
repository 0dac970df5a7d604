//! What KMS encrypts for an enclave: its own answers and OpenSSL's are read, in both encodings; everything else is
//! refused.

use cape_core::attest::DerDefect;
use cape_core::cms::{Defect, EnvelopedData, MAX_BYTES};
use serde_json::Value;

const VECTORS: &str = include_str!("../../../tests/vectors/cms.json");
/// Of the initialization vector.
const BLOCK: usize = 16;

fn vector(pointer: &str) -> Vec<u8> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    base64_simd::STANDARD.decode_to_vec(vectors.pointer(pointer).unwrap().as_str().unwrap()).unwrap()
}

fn definite() -> Vec<u8> {
    vector("/openssl/definite")
}

fn indefinite() -> Vec<u8> {
    vector("/openssl/indefinite")
}

fn position(of: &[u8], within: &[u8]) -> usize {
    within.windows(of.len()).position(|window| window == of).unwrap()
}

fn replaced(message: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = position(from, message);
    [&message[..at], to, &message[at + from.len()..]].concat()
}

fn defect(message: &[u8]) -> Defect {
    EnvelopedData::parse(message).unwrap_err()
}

#[test]
fn an_answer_of_kms_is_read() {
    let answer = vector("/kms");
    let read = EnvelopedData::parse(&answer).unwrap();
    assert_eq!(read.encrypted_key, &answer[position(&[0xa0, 0x61, 0x45, 0x93], &answer)..][..256]);
    assert_eq!(read.iv, answer[position(&[0x68, 0x8c, 0x6d], &answer)..][..BLOCK]);
    assert_eq!(read.ciphertext, &answer[position(&[0x70, 0xe5, 0xca], &answer)..][..48]);
}

#[test]
fn both_encodings_of_openssl_are_read() {
    for message in [definite(), indefinite()] {
        let read = EnvelopedData::parse(&message).unwrap();
        assert_eq!(read.encrypted_key.len(), 256);
        assert_eq!(read.ciphertext.len(), 48);
    }
}

#[test]
fn a_message_that_ends_anywhere_too_early_or_goes_on_is_refused() {
    for message in [vector("/kms"), definite(), indefinite()] {
        for length in 0..message.len() {
            EnvelopedData::parse(&message[..length]).unwrap_err();
        }
        let longer = [&message[..], &[0]].concat();
        assert_eq!(defect(&longer), Defect::Der(DerDefect::TrailingBytes));
    }
    assert_eq!(defect(&vec![0x30; MAX_BYTES + 1]), Defect::TooLong);
}

#[test]
fn other_types_versions_and_algorithms_are_refused() {
    const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7];
    const PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
    const NIST: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4];
    let changed = |prefix: &[u8], from: &[u8], to: &[u8]| {
        replaced(&definite(), &[prefix, from].concat(), &[prefix, to].concat())
    };
    for (message, expected) in [
        (changed(PKCS7, &[3], &[2]), Defect::ContentType),
        (changed(PKCS7, &[1], &[2]), Defect::ContentType),
        (changed(&[2, 1], &[2, 0x31], &[0, 0x31]), Defect::Version),
        (changed(&[2, 1], &[2, 0x80], &[0, 0x80]), Defect::Version),
        (changed(&[2, 1, 2], &[0x80], &[0x30]), Defect::RecipientIdentifier),
        (changed(PKCS1, &[7], &[1]), Defect::KeyEncryption),
        (changed(PKCS1, &[8], &[9]), Defect::KeyEncryption),
        (changed(NIST, &[2, 1, 0xa1], &[2, 2, 0xa1]), Defect::KeyEncryption),
        (changed(NIST, &[2, 1, 4], &[2, 3, 4]), Defect::KeyEncryption),
        (changed(NIST, &[1, 0x2a], &[1, 2]), Defect::ContentEncryption),
    ] {
        assert_eq!(defect(&message), expected);
    }
}

#[test]
fn parts_of_the_content_are_joined_and_have_an_end() {
    let message = indefinite();
    let read = EnvelopedData::parse(&message).unwrap();
    let (first, second) = read.ciphertext.split_at(32);
    let two = [&[4, 32], first, &[4, 16], second].concat();
    let whole = [&[4, 48], first, second].concat();
    let joined = replaced(&message, &two, &whole);
    assert_eq!(EnvelopedData::parse(&joined).unwrap().ciphertext, read.ciphertext);
    let empty_between = replaced(&message, &two, &[&[4, 32], first, &[4, 0, 4, 16], second].concat());
    assert_eq!(EnvelopedData::parse(&empty_between).unwrap().ciphertext, read.ciphertext);
    for (parts, expected) in [
        (vec![], Defect::Blocks),
        ([&[4, 32], first, &[4, 15], &second[1..]].concat(), Defect::Blocks),
        ([&[4, 32], first, &[0x24, 18, 4, 16], second].concat(), Defect::Der(DerDefect::ElementType)),
        (
            [&[4, 32], first, &[0x24, 0x80, 4, 16], second, &[0, 0]].concat(),
            Defect::Der(DerDefect::LengthForm),
        ),
        ([&[4, 0x81, 32], first, &[4, 16], second].concat(), Defect::Der(DerDefect::LengthNotShortest)),
    ] {
        assert_eq!(defect(&replaced(&message, &two, &parts)), expected);
    }
    let definite_parts = replaced(&message, &[&[0xa0, 0x80][..], &two, &[0, 0]].concat(), &{
        let length = u8::try_from(two.len()).unwrap();
        [&[0xa0, length][..], &two].concat()
    });
    assert_eq!(defect(&definite_parts), Defect::Content);
}

#[test]
fn an_indefinite_length_ends_where_it_has_to_and_is_for_the_outer_elements_only() {
    let message = indefinite();
    let without_an_end = &message[..message.len() - 2];
    assert_eq!(defect(without_an_end), Defect::EndOfContents);
    let one_more = [&message[..message.len() - 2], &[5, 0, 0, 0]].concat();
    assert_eq!(defect(&one_more), Defect::EndOfContents);
    let recipients = replaced(&message, &[0x31, 0x82, 1, 0x5b], &[0x31, 0x80]);
    assert_eq!(defect(&recipients), Defect::Der(DerDefect::LengthForm));
}

#[test]
fn one_recipient_and_nothing_that_kms_leaves_out() {
    let message = definite();
    let recipient = &message[30..377];
    assert_eq!(message[26..30], [0x31, 0x82, 1, 0x5b]);
    // Lengths of what is around it: SET, EnvelopedData, [0], ContentInfo.
    let with = |addition: &[u8], into_the_set: bool| {
        let mut longer = message.clone();
        let outer: &[usize] = if into_the_set { &[28, 21, 17, 2] } else { &[21, 17, 2] };
        for at in outer {
            let length = u16::from_be_bytes([longer[*at], longer[*at + 1]]);
            let length = length + u16::try_from(addition.len()).unwrap();
            longer[*at..*at + 2].copy_from_slice(&length.to_be_bytes());
        }
        let at = if into_the_set { 377 } else { longer.len() };
        longer.splice(at..at, addition.iter().copied());
        longer
    };
    assert_eq!(defect(&with(recipient, true)), Defect::Recipients);
    // [1]: attributes that nothing protects.
    assert_eq!(defect(&with(&[0xa1, 0], false)), Defect::Der(DerDefect::TrailingBytes));
}

#[test]
fn no_changed_byte_panics() {
    for message in [vector("/kms"), definite(), indefinite()] {
        for at in 0..message.len() {
            for bit in 0..8 {
                let mut changed = message.clone();
                changed[at] ^= 1 << bit;
                let _ = EnvelopedData::parse(&changed);
            }
        }
    }
}
