use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use cape_nsm::{AttestationFields, Nsm};
use serde_bytes::Bytes;

use crate::support::{Document, HOUR, START, certificate, genuine_documents, module};

/// The order of the keys in a genuine document.
const KEYS: [&str; 9] = [
    "module_id",
    "digest",
    "timestamp",
    "pcrs",
    "certificate",
    "cabundle",
    "public_key",
    "user_data",
    "nonce",
];

#[test]
fn it_says_what_it_was_asked_to_say() {
    let (nsm, clock) = module();
    clock.set(START + HOUR + 7);
    let fields = AttestationFields {
        user_data: Some(b"user data"),
        nonce: Some(b"nonce"),
        public_key: Some(b"public key"),
    };
    let document = Document::read(&nsm.attest(fields).unwrap());
    assert_eq!(document.text("module_id"), nsm.describe().unwrap().module_id);
    assert_eq!(document.text("digest"), "SHA384");
    assert_eq!(document.timestamp(), START + HOUR + 7);
    assert_eq!(document.bytes("user_data").unwrap(), b"user data");
    assert_eq!(document.bytes("nonce").unwrap(), b"nonce");
    assert_eq!(document.bytes("public_key").unwrap(), b"public key");
}

#[test]
fn its_signature_is_the_certificates() {
    let (nsm, _) = module();
    let document = Document::of(&nsm);
    assert_eq!(document.protected, [0xa1, 0x01, 0x38, 0x22]);
    let to_be_signed = serde_cbor::to_vec(&(
        "Signature1",
        Bytes::new(&document.protected),
        Bytes::new(b""),
        Bytes::new(&document.payload),
    ))
    .unwrap();
    let leaf = document.bytes("certificate").unwrap();
    let key = certificate(&leaf).public_key().subject_public_key.data.to_vec();
    let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key);
    assert_eq!(document.signature.len(), 96);
    key.verify(&to_be_signed, &document.signature).unwrap();
    assert!(key.verify(&document.payload, &document.signature).is_err());
}

#[test]
fn its_module_is_named_by_instance_and_time_of_boot() {
    let (nsm, _) = module();
    let module_id = Document::of(&nsm).text("module_id");
    let (instance, enclave) = module_id.split_once("-enc").unwrap();
    assert_eq!((instance.len(), enclave.len()), (19, 16));
    assert!(instance.starts_with("i-0"));
    assert!(instance[2..].chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f')));
    assert_eq!(u64::from_str_radix(&enclave[..12], 16).unwrap(), START);
}

#[test]
fn it_has_the_shape_of_the_genuine_ones() {
    let mut compared = 0;
    for (name, genuine) in genuine_documents("it_has_the_shape_of_the_genuine_ones") {
        let twin = Document::read(&genuine);
        if !twin.is_of_today() {
            continue;
        }
        let (nsm, _) = module();
        for index in twin.pcrs().into_keys().filter(|index| *index >= 16) {
            nsm.lock_pcr(index.into()).unwrap();
        }
        let ours = nsm
            .attest(AttestationFields {
                user_data: twin.bytes("user_data").as_deref(),
                nonce: twin.bytes("nonce").as_deref(),
                public_key: twin.bytes("public_key").as_deref(),
            })
            .unwrap();
        assert_eq!(shape(&ours), shape(&genuine), "{name}");
        compared += 1;
    }
    eprintln!("compared with {compared} genuine documents");
}

#[test]
fn its_first_bytes_are_those_of_a_genuine_one() {
    let (nsm, _) = module();
    let bytes = nsm.attest(AttestationFields::default()).unwrap();
    // An untagged array of 4; the protected header; an empty map; a byte string of 2 length
    // bytes; a map of indefinite length; its first key and the head of its value.
    assert_eq!(bytes[..8], [0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0, 0x59]);
    assert_eq!(&bytes[10..23], b"\xbf\x69module_id\x78\x27");
    assert_eq!(&bytes[bytes.len() - 100..bytes.len() - 96], [0xf6, 0xff, 0x58, 0x60]);
}

/// One line for each item of a document: its head as it is encoded, with the lengths of
/// certificates and of the payload left open, and what must be equal in every document.
fn shape(document: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut reader = Reader { rest: document };
    lines.push(reader.head()); // array
    lines.push(format!("{:02x?}", reader.bytes())); // protected
    lines.push(reader.head()); // unprotected
    let payload = reader.bytes();
    lines.push(format!("{:02x?}", reader.bytes().len())); // signature
    assert!(reader.rest.is_empty());

    let mut reader = Reader { rest: payload };
    lines.push(reader.head());
    for expected in KEYS {
        let key = reader.bytes();
        assert_eq!(key, expected.as_bytes());
        match expected {
            "module_id" => lines.push(reader.bytes().len().to_string()),
            "digest" => lines.push(format!("{:02x?}", reader.bytes())),
            "timestamp" => lines.push(reader.head()[..2].to_owned()),
            "pcrs" => {
                let count = reader.rest[0] & 0x1f;
                lines.push(reader.head());
                for _ in 0..count {
                    lines.push(format!("{} {}", reader.head(), reader.bytes().len()));
                }
            }
            "certificate" => lines.push(reader.wide_bytes()),
            "cabundle" => {
                let count = reader.rest[0] & 0x1f;
                lines.push(reader.head());
                for _ in 0..count {
                    lines.push(reader.wide_bytes());
                }
            }
            _ if reader.rest[0] == 0xf6 => lines.push(reader.head()),
            _ => lines.push(reader.bytes().len().to_string()),
        }
    }
    assert_eq!(reader.rest, [0xff]);
    lines
}

/// Just enough of CBOR to see how something is encoded.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// The first byte and its argument, in hexadecimal.
    fn head(&mut self) -> String {
        let length = match self.rest[0] & 0x1f {
            0..=23 | 31 => 1,
            24 => 2,
            25 => 3,
            26 => 5,
            27 => 9,
            other => panic!("reserved: {other}"),
        };
        self.take(length).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The content of a byte or text string.
    fn bytes(&mut self) -> &'a [u8] {
        assert!(matches!(self.rest[0] >> 5, 2 | 3), "no string: {:02x}", self.rest[0]);
        let head = self.head();
        let length = match &head[2..] {
            "" => usize::from_str_radix(&head, 16).unwrap() & 0x1f,
            argument => usize::from_str_radix(argument, 16).unwrap(),
        };
        self.take(length)
    }

    /// A byte string of more than 255 bytes, of which only that is told.
    fn wide_bytes(&mut self) -> String {
        let first = self.rest[0];
        self.bytes();
        format!("{first:02x}")
    }
}
