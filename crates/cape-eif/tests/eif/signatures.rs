use std::io::BufRead;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use cape_core::UnixTime;
use cape_core::cose;
use cape_core::encoding::cbor::Writer;
use cape_eif::Error;
use cape_eif::signing::{
    Certificate, CertificateDefect, PemDefect, Signature, SignatureDefect, SignatureError, Signer,
    SignerError,
};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384};

use crate::support::{
    PKCS8_CERTIFICATE, PKCS8_KEY, RFC5915_CERTIFICATE, RFC5915_KEY, description, now, read, signer, tiny,
    tiny_signed, with_crc, written,
};

const P256_CERTIFICATE: &[u8] = include_bytes!("data/p256.cert.pem");
const P256_KEY: &[u8] = include_bytes!("data/p256.key.pem");
const RSA_CERTIFICATE: &[u8] = include_bytes!("data/rsa.cert.pem");

/// A section as any tool might write it: its entries, each a list of fields.
fn section(entries: &[&[(&str, &[u8])]]) -> Vec<u8> {
    let mut section = Writer::new();
    section.array(entries.len());
    for fields in entries {
        section.map(fields.len());
        for (name, bytes) in *fields {
            section.text(name).array(bytes.len());
            bytes.iter().for_each(|byte| _ = section.uint((*byte).into()));
        }
    }
    section.into_bytes()
}

fn message() -> Vec<u8> {
    cose::encode(b"payload", &[1; 96])
}

/// The image with another section in the place of its signature.
fn with_signature(image: &[u8], section: &[u8]) -> Vec<u8> {
    let last = *read(image).unwrap().sections().last().unwrap();
    let begin = usize::try_from(last.offset).unwrap();
    let mut image = image[..begin].to_vec();
    let size = u64::try_from(section.len()).unwrap().to_be_bytes();
    image[begin - 8..].copy_from_slice(&size);
    image[284 + 5 * 8..][..8].copy_from_slice(&size);
    image.extend_from_slice(section);
    with_crc(image)
}

#[test]
fn keys_and_certificates_as_openssl_writes_them_sign() {
    for (certificate, key) in [(RFC5915_CERTIFICATE, RFC5915_KEY), (PKCS8_CERTIFICATE, PKCS8_KEY)] {
        let signer = Signer::from_pem(certificate, key).unwrap();
        let image = written(description(), b"kernel", &[b"init"], Some(&signer));
        let image = read(&image).unwrap();
        assert_eq!(image.verify_signature(now()).unwrap().pem(), certificate);
        assert_ne!(image.measurements().pcr8, [0; 48]);
    }
}

#[test]
fn a_certificate_holds_in_its_validity_to_the_second() {
    let image = read(&tiny_signed()).unwrap();
    let certificate = image.signature().unwrap().certificate();
    let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
    let second = core::time::Duration::from_secs(1);
    assert!(image.verify_signature(not_before).is_ok());
    assert!(image.verify_signature(not_after).is_ok());
    assert!(image.verify_signature(not_after.plus(second / 2)).is_ok());
    assert_eq!(
        image.verify_signature(not_before.minus(second)),
        Err(SignatureError::NotYetValid { not_before })
    );
    assert_eq!(image.verify_signature(not_after.plus(second)), Err(SignatureError::Expired { not_after }));
}

#[test]
fn a_signature_holds_for_one_image() {
    let other = written(description(), b"another kernel", &[b"init"], Some(&signer()));
    let other = read(&other).unwrap();
    let section = signer().sign(&other.measurements().pcr0).unwrap();
    let image = read(&with_signature(&tiny_signed(), &section)).unwrap();
    assert_eq!(image.verify_signature(now()), Err(SignatureError::OtherImage));
    assert_eq!(read(&tiny()).unwrap().verify_signature(now()), Err(SignatureError::Unsigned));
}

#[test]
fn a_signature_of_another_register_is_refused() {
    let pcr0 = read(&tiny_signed()).unwrap().measurements().pcr0;
    let base64: String = PKCS8_KEY.lines().map(Result::unwrap).filter(|line| !line.contains('-')).collect();
    let der = base64_simd::STANDARD.decode_to_vec(base64).unwrap();
    let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_FIXED_SIGNING, &der).unwrap();
    for (index, is_held) in [(0, true), (1, false), (8, false)] {
        let mut payload = Writer::new();
        payload.map(2).text("register_index").uint(index).text("register_value").array(48);
        pcr0.iter().for_each(|byte| _ = payload.uint((*byte).into()));
        let payload = payload.into_bytes();
        let signature = key.sign(&SystemRandom::new(), &cose::to_be_signed(&[], &payload)).unwrap();
        let message = cose::encode(&payload, signature.as_ref().try_into().unwrap());
        let section = section(&[&[("signing_certificate", PKCS8_CERTIFICATE), ("signature", &message)]]);
        let image = read(&with_signature(&tiny_signed(), &section)).unwrap();
        let expected = if is_held { None } else { Some(SignatureError::OtherImage) };
        assert_eq!(image.verify_signature(now()).err(), expected);
    }
}

#[test]
fn a_signature_under_another_certificate_does_not_hold() {
    let pcr0 = read(&tiny_signed()).unwrap().measurements().pcr0;
    let genuine = signer().sign(&pcr0).unwrap();
    // Everything behind the certificate.
    let length = section(&[&[("signing_certificate", RFC5915_CERTIFICATE)]]).len();
    let head = section(&[&[("signing_certificate", PKCS8_CERTIFICATE), ("signature", b"")]]);
    let exchanged = [&head[..head.len() - 11], &genuine[length..]].concat();
    let image = read(&with_signature(&tiny_signed(), &exchanged)).unwrap();
    assert_eq!(image.verify_signature(now()), Err(SignatureError::DoesNotHold));
}

#[test]
fn there_is_one_signature_with_its_two_fields() {
    let entry: &[(&str, &[u8])] = &[("signing_certificate", RFC5915_CERTIFICATE), ("signature", &message())];
    assert!(Signature::parse(&section(&[entry])).is_ok());
    let refused = |section: Vec<u8>| Signature::parse(&section).unwrap_err();
    assert_eq!(refused(section(&[])), SignatureDefect::EntryCount);
    assert_eq!(refused(section(&[entry, entry])), SignatureDefect::EntryCount);
    assert_eq!(refused(section(&[&entry[..1]])), SignatureDefect::Fields);
    assert_eq!(refused(section(&[&[entry[1], entry[0]]])), SignatureDefect::Fields);
    assert_eq!(refused(section(&[&[entry[0], entry[1], ("more", b"")]])), SignatureDefect::Fields);
    let mut trailing = section(&[entry]);
    trailing.push(0);
    assert!(matches!(refused(trailing), SignatureDefect::Cbor(_)));
    let mut number = Writer::new();
    number.array(1).map(2).text("signing_certificate").array(1).uint(256);
    assert_eq!(refused(number.into_bytes()), SignatureDefect::NotAByte { offset: 23, found: 256 });
    // As byte strings, which nitro-cli does not read.
    let mut strings = Writer::new();
    strings.array(1).map(2).text("signing_certificate").bytes(RFC5915_CERTIFICATE);
    assert!(matches!(refused(strings.into_bytes()), SignatureDefect::Cbor(_)));
}

#[test]
fn the_signed_message_is_es384_and_nothing_else() {
    let with = |message: &[u8]| {
        let entry: &[(&str, &[u8])] = &[("signing_certificate", RFC5915_CERTIFICATE), ("signature", message)];
        Signature::parse(&section(&[entry])).unwrap_err()
    };
    let tagged = [&[0xd2], message().as_slice()].concat();
    assert_eq!(with(&tagged), SignatureDefect::Message(cose::Defect::Tag(18)));
    let mut es256 = message();
    es256[5] = 0x26;
    assert!(matches!(with(&es256), SignatureDefect::Message(_)));
    let large = cose::encode(&[0; 1000], &[1; 96]);
    assert_eq!(with(&large), SignatureDefect::Message(cose::Defect::Size(large.len())));
    assert!(matches!(with(b""), SignatureDefect::Message(_)));
}

#[test]
fn a_certificate_is_one_of_a_key_on_p384() {
    assert_eq!(Certificate::from_pem(P256_CERTIFICATE), Err(CertificateDefect::PublicKey));
    assert_eq!(Certificate::from_pem(RSA_CERTIFICATE), Err(CertificateDefect::PublicKey));
    let pem = |defect| Err(CertificateDefect::Pem(defect));
    assert_eq!(Certificate::from_pem(b""), pem(PemDefect::BlockCount { found: 0 }));
    let two = [RFC5915_CERTIFICATE, PKCS8_CERTIFICATE].concat();
    assert_eq!(Certificate::from_pem(&two), pem(PemDefect::BlockCount { found: 2 }));
    assert_eq!(Certificate::from_pem(PKCS8_KEY), pem(PemDefect::Label { expected: "CERTIFICATE" }));
    let empty = b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    assert_eq!(Certificate::from_pem(empty), Err(CertificateDefect::Form));
}

/// Text beside the certificate is not part of PCR8, as it is not for OpenSSL.
#[test]
fn text_beside_a_certificate_is_kept_and_not_measured() {
    let commented = [b"subject=CN = x\r\n", RFC5915_CERTIFICATE, b"more\n"].concat();
    let signer = Signer::from_pem(&commented, RFC5915_KEY).unwrap();
    let image = written(description(), b"kernel", &[b"init", b"files"], Some(&signer));
    let image = read(&image).unwrap();
    assert_eq!(image.verify_signature(now()).unwrap().pem(), commented);
    assert_eq!(image.measurements(), read(&tiny_signed()).unwrap().measurements());
}

/// What is signed can be read again: a byte takes up to two in the section of 64 KiB.
#[test]
fn the_text_of_a_certificate_has_a_limit() {
    let room = Certificate::MAX_TEXT_BYTES - RFC5915_CERTIFICATE.len();
    let longest = [RFC5915_CERTIFICATE, &vec![b'x'; room]].concat();
    let signer = Signer::from_pem(&longest, RFC5915_KEY).unwrap();
    let image = written(description(), b"kernel", &[b"init"], Some(&signer));
    assert!(read(&image).unwrap().verify_signature(now()).is_ok());
    let longer = [longest.as_slice(), b"x"].concat();
    let actual = longer.len();
    assert_eq!(Certificate::from_pem(&longer), Err(CertificateDefect::TextSize { actual }));
}

/// A length in more bytes than needed: OpenSSL writes it shorter, and so would measure other bytes.
#[test]
fn a_certificate_that_is_not_der_is_refused() {
    let der = Certificate::from_pem(RFC5915_CERTIFICATE).unwrap().der().to_vec();
    let [0x30, 0x82, ..] = der.as_slice() else { panic!("another form") };
    for longer in [[&[0x30, 0x83, 0], &der[2..]].concat(), [der.as_slice(), &[0]].concat()] {
        let text = pem_of(&longer);
        assert_eq!(Certificate::from_pem(text.as_bytes()), Err(CertificateDefect::Form));
    }
}

fn pem_of(der: &[u8]) -> String {
    let base64 = base64_simd::STANDARD.encode_to_string(der);
    format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
}

#[test]
fn a_certificate_is_altered_at_no_bit_unseen() {
    let genuine = Certificate::from_pem(RFC5915_CERTIFICATE).unwrap();
    for bit in 0..genuine.der().len() * 8 {
        let mut der = genuine.der().to_vec();
        der[bit / 8] ^= 1 << (bit % 8);
        if let Ok(altered) = Certificate::from_pem(pem_of(&der).as_bytes()) {
            assert_eq!(altered.der(), der);
        }
    }
}

#[test]
fn a_validity_from_before_1970_begins_at_the_epoch() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = rcgen::date_time_ymd(1955, 1, 1);
    params.not_after = rcgen::date_time_ymd(1960, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let certificate = Certificate::from_pem(pem_of(certificate.der()).as_bytes()).unwrap();
    assert_eq!(certificate.not_before(), UnixTime::from_seconds(0));
    assert_eq!(certificate.not_after(), UnixTime::from_seconds(0));
}

#[test]
fn a_signer_has_the_key_of_its_certificate() {
    let refused = |certificate, key| Signer::from_pem(certificate, key).err().unwrap();
    assert_eq!(refused(RFC5915_CERTIFICATE, PKCS8_KEY), SignerError::OtherKey);
    assert_eq!(refused(RFC5915_CERTIFICATE, P256_KEY), SignerError::Key);
    assert_eq!(
        refused(RFC5915_CERTIFICATE, PKCS8_CERTIFICATE),
        SignerError::KeyText(PemDefect::Label { expected: "PRIVATE KEY" })
    );
    let both = [RFC5915_KEY, PKCS8_KEY].concat();
    assert_eq!(refused(RFC5915_CERTIFICATE, &both), SignerError::KeyText(PemDefect::BlockCount { found: 2 }));
    let certificate = SignerError::Certificate(CertificateDefect::PublicKey);
    assert_eq!(refused(P256_CERTIFICATE, P256_KEY), certificate);
}

#[test]
fn a_signature_that_cannot_be_read_is_a_defect_of_the_image() {
    let image = with_signature(&tiny_signed(), b"\x80");
    assert!(matches!(read(&image), Err(Error::Signature(SignatureDefect::EntryCount))));
}
