//! Checks 1 to 3: CBOR, COSE, and the payload's fields.

use cape_core::attest::FormDefect;
use cape_core::encoding::cbor;

use crate::document::{Forge, PROTECTED, array, bytes, cose, null, pcrs, signature, signed, text, uint};
use crate::verifier::{form_defect, judge};

#[track_caller]
fn defect(document: &[u8]) -> FormDefect {
    form_defect(judge(document, &Forge::new()))
}

/// What is wrong with a document that has another value in a field.
#[track_caller]
fn defect_of(field: &str, value: Vec<u8>) -> FormDefect {
    defect(&Forge::with(|forge| forge.set(field, value)))
}

fn size(field: &'static str, actual: usize, minimum: usize, maximum: usize) -> FormDefect {
    FormDefect::FieldSize { field, actual, minimum, maximum }
}

/// A document whose parts are in order, but for those that `change` is given: protected header,
/// unprotected header, payload, signature.
fn with_parts(change: impl FnOnce(&mut [Vec<u8>; 4])) -> Vec<u8> {
    let forge = Forge::new();
    let payload = forge.payload();
    let signature = signature(&payload, forge.chain.leaf_key());
    let mut parts = [bytes(PROTECTED), vec![0xa0], bytes(&payload), bytes(&signature)];
    change(&mut parts);
    let [protected, unprotected, payload, signature] = &parts;
    cose(protected, unprotected, payload, signature)
}

#[test]
fn more_than_32_kib() {
    assert!(matches!(defect(&vec![0x84; 32 * 1024]), FormDefect::Document(_)));
    let actual = 32 * 1024 + 1;
    assert_eq!(defect(&vec![0x84; actual]), FormDefect::DocumentSize { actual, limit: 32 * 1024 });
}

#[test]
fn tags_but_18() {
    let document = Forge::new().document();
    assert!(judge(&[&[0xd2], &document[..]].concat(), &Forge::new()).is_ok());
    for (head, tag) in [(&[0xd1][..], 17), (&[0xd8, 0x62], 98), (&[0xd9, 0xd9, 0xf7], 55_799)] {
        assert_eq!(defect(&[head, &document].concat()), FormDefect::Tag(tag));
    }
    assert!(matches!(
        defect(&[&[0xd8, 18], &document[..]].concat()),
        FormDefect::Document(cbor::Error::NotShortest { offset: 0 })
    ));
    assert!(matches!(
        defect(&[&[0xd2, 0xd2], &document[..]].concat()),
        FormDefect::Document(cbor::Error::WrongType { .. })
    ));
}

#[test]
fn other_than_four_items() {
    let document = Forge::new().document();
    for (head, more) in [(0x83, &[][..]), (0x85, &[0xf6]), (0x85, &[]), (0xa4, &[]), (0x80, &[])] {
        let other = [&[head], &document[1..], more].concat();
        assert!(matches!(defect(&other), FormDefect::Document(_)), "{head:x}");
    }
}

#[test]
fn an_indefinite_array() {
    let parts = Forge::new().document()[1..].to_vec();
    assert!(judge(&[&[0x9f], &parts[..], &[0xff]].concat(), &Forge::new()).is_ok());
    for end in [&[][..], &[0xf6, 0xff], &[0xff, 0xff]] {
        assert!(matches!(defect(&[&[0x9f], &parts[..], end].concat()), FormDefect::Document(_)));
    }
}

#[test]
fn another_protected_header() {
    for header in [
        &[][..],
        &[0xa0],
        &[0xa1, 1, 0x26],
        &[0xa1, 1, 0x38, 0x23],
        &[0xa1, 1, 0x39, 0, 0x22],
        &[0xa2, 1, 0x38, 0x22, 4, 0],
        &[0xbf, 1, 0x38, 0x22, 0xff],
        &[0xa1, 1, 0x38, 0x22, 0],
    ] {
        assert_eq!(defect(&with_parts(|parts| parts[0] = bytes(header))), FormDefect::ProtectedHeader);
    }
    assert!(matches!(defect(&with_parts(|parts| parts[0] = PROTECTED.to_vec())), FormDefect::Document(_)));
}

#[test]
fn an_unprotected_header() {
    let algorithm = vec![0xa1, 1, 0x38, 0x22];
    assert_eq!(defect(&with_parts(|parts| parts[1] = algorithm)), FormDefect::UnprotectedHeader);
    assert!(matches!(defect(&with_parts(|parts| parts[1] = null())), FormDefect::Document(_)));
}

#[test]
fn sizes_of_payload_and_signature() {
    let payload = |length: usize| with_parts(|parts| parts[2] = bytes(&vec![0; length]));
    assert_eq!(defect(&payload(0)), size("payload", 0, 1, 16_384));
    assert_eq!(defect(&payload(16_385)), size("payload", 16_385, 1, 16_384));
    assert!(matches!(defect(&payload(16_384)), FormDefect::Payload(_)));
    for length in [0, 95, 97] {
        let document = with_parts(|parts| parts[3] = bytes(&vec![1; length]));
        assert_eq!(defect(&document), size("signature", length, 96, 96));
    }
    assert!(matches!(defect(&with_parts(|parts| parts[2] = null())), FormDefect::Document(_)));
}

#[test]
fn strings_of_indefinite_length() {
    let chunks = |major: u8, chunk: &[u8]| [&[major << 5 | 0x1f], chunk, &[0xff]].concat();
    for (field, value) in [
        ("module_id", chunks(3, &text("i-0"))),
        ("nonce", chunks(2, &bytes(b"x"))),
        ("certificate", chunks(2, &bytes(b"x"))),
    ] {
        let defect = defect_of(field, value);
        assert!(matches!(defect, FormDefect::Payload(cbor::Error::IndefiniteString { .. })), "{field}");
    }
    let document = with_parts(|parts| parts[3] = chunks(2, &parts[3].clone()));
    assert!(matches!(defect(&document), FormDefect::Document(cbor::Error::IndefiniteString { .. })));
}

#[test]
fn heads_that_are_not_the_shortest() {
    for (field, value) in [
        ("nonce", [&[0x58, 1], &b"x"[..]].concat()),
        ("module_id", [&[0x79, 0, 3], &b"i-0"[..]].concat()),
        ("timestamp", vec![0x18, 7]),
        ("pcrs", [&[0xb8, 1, 0, 0x58, 48], [1; 48].as_slice()].concat()),
    ] {
        let defect = defect_of(field, value);
        assert!(matches!(defect, FormDefect::Payload(cbor::Error::NotShortest { .. })), "{field}: {defect}");
    }
}

#[test]
fn maps_of_definite_length_and_any_order() {
    let mut forge = Forge::new();
    forge.fields.reverse();
    let payload = forge.payload();
    let definite = [&[0xa9], &payload[1..payload.len() - 1]].concat();
    assert!(judge(&signed(&definite, forge.chain.leaf_key()), &forge).is_ok());
    for head in [0xa8, 0xaa] {
        let other = [&[head], &payload[1..payload.len() - 1]].concat();
        assert!(matches!(defect(&signed(&other, forge.chain.leaf_key())), FormDefect::Payload(_)));
    }
}

#[test]
fn fields_that_are_missing_or_unknown() {
    for (name, _) in Forge::new().fields {
        assert_eq!(defect(&Forge::with(|forge| forge.remove(name))), FormDefect::MissingField(name));
    }
    let unknown = Forge::with(|forge| forge.fields.push(("measurements", null())));
    assert_eq!(defect(&unknown), FormDefect::UnknownField("measurements".into()));
    let payload = Forge::new().payload();
    let numbered = [&payload[..payload.len() - 1], &[1, 0xf6, 0xff]].concat();
    assert_eq!(
        defect(&signed(&numbered, Forge::new().chain.leaf_key())),
        FormDefect::UnknownField("a number".into())
    );
}

#[test]
fn an_error_stays_short_whatever_the_document_says() {
    let long = "\u{1b}".repeat(9000);
    let forge = Forge::new();
    let payload = forge.payload();
    let unknown = [&payload[..payload.len() - 1], &text(&long), &[0xf6, 0xff]].concat();
    for told in [defect_of("digest", text(&long)), defect(&signed(&unknown, forge.chain.leaf_key()))] {
        let told = told.to_string();
        assert!(told.len() < 600 && !told.contains('\u{1b}'), "{} bytes", told.len());
    }
}

#[test]
fn values_of_another_type() {
    let nested = [0x81, 0x81, 0x81, 0x81, 0x80];
    for (field, value) in [
        ("module_id", bytes(b"i-0")),
        ("module_id", null()),
        ("digest", bytes(b"SHA384")),
        ("timestamp", text("0")),
        ("timestamp", vec![0x20]),
        ("timestamp", vec![0xfb, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("timestamp", [&[0xc1], uint(1_795_492_056).as_slice()].concat()),
        ("pcrs", null()),
        ("pcrs", vec![0xa1, 0, 0xf6]),
        ("certificate", text("x")),
        ("cabundle", bytes(b"x")),
        ("cabundle", vec![0x81, 0xf6]),
        ("cabundle", nested.to_vec()),
        ("public_key", text("x")),
        ("user_data", vec![0xf7]),
        ("nonce", vec![0xf4]),
        ("nonce", vec![0xff]),
    ] {
        let found = defect_of(field, value);
        assert!(matches!(found, FormDefect::Payload(cbor::Error::WrongType { .. })), "{field}: {found}");
    }
    let not_utf8 = [&[0x62], &[0xc3, 0x28][..]].concat();
    assert!(matches!(defect_of("module_id", not_utf8), FormDefect::Payload(cbor::Error::InvalidUtf8 { .. })));
}

#[test]
fn values_outside_their_limits() {
    let certificate = |length| bytes(&vec![0x30; length]);
    let bundle = |count| array(&vec![vec![0x30; 9]; count]);
    let nameless = defect_of("module_id", text(""));
    assert_eq!(nameless.reason(), "field_size");
    assert_eq!(nameless.to_string(), "module_id has length 0 instead of at least 1");
    assert_eq!(defect_of("digest", text("SHA256")), FormDefect::Digest("SHA256".into()));
    assert_eq!(defect_of("timestamp", uint(0)), FormDefect::ZeroTimestamp);
    assert_eq!(defect_of("certificate", certificate(0)), size("certificate", 0, 1, 1024));
    assert_eq!(defect_of("certificate", certificate(1025)), size("certificate", 1025, 1, 1024));
    assert_eq!(defect_of("cabundle", bundle(0)), size("cabundle", 0, 1, 8));
    for count in [9, 20] {
        assert_eq!(defect_of("cabundle", bundle(count)), size("cabundle", count, 1, 8));
    }
    assert_eq!(defect_of("cabundle", array(&[vec![]])), size("certificate", 0, 1, 1024));
    assert_eq!(defect_of("cabundle", array(&[vec![0x30; 1025]])), size("certificate", 1025, 1, 1024));
    for field in ["public_key", "user_data", "nonce"] {
        assert_eq!(defect_of(field, bytes(&[7; 1025])), size(field, 1025, 0, 1024));
    }
}

#[test]
fn registers_outside_their_limits() {
    assert_eq!(defect_of("pcrs", pcrs(&[])), size("pcrs", 0, 1, 32));
    assert_eq!(defect_of("pcrs", pcrs(&[(32, [1; 48])])), FormDefect::PcrIndex);
    let of = |key: &[u8], length: u8| {
        defect_of("pcrs", [&[0xa1], key, &[0x58, length], vec![1; length.into()].as_slice()].concat())
    };
    assert_eq!(of(&[0x1b, 0, 0, 0, 1, 0, 0, 0, 0], 48), FormDefect::PcrIndex);
    assert_eq!(of(&[0x20], 48), FormDefect::PcrIndex);
    assert_eq!(of(&[0x61, b'0'], 48), FormDefect::PcrIndex);
    for length in [32, 47, 49, 64] {
        assert_eq!(of(&[0], length), size("pcr", length.into(), 48, 48));
    }
}
