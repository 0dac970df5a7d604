use cape_core::encoding::cbor;
use cape_core::receipt::{Error, FormDefect};

use crate::document::{PROTECTED, bytes, cose, null, text, uint};
use crate::forge::{ENCLAVE, Forge, everything, signature, signed};

#[track_caller]
fn refused(receipt: &[u8]) -> FormDefect {
    match ENCLAVE.judge(receipt, &everything()) {
        Err(Error::Malformed(defect)) => defect,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn with(field: u64, value: Vec<u8>) -> FormDefect {
    refused(&Forge::new().set(field, value).receipt())
}

#[test]
fn every_field_of_another_type() {
    for field in 1..=12 {
        for value in [text("1"), vec![0x20], vec![0xf5], vec![0x80]] {
            let is_error = field == 6 && value == text("1");
            let expected =
                if is_error { FormDefect::FieldRange { field } } else { FormDefect::FieldType { field } };
            assert_eq!(with(field, value), expected);
        }
    }
}

#[test]
fn strings_of_another_length() {
    for field in [2, 3, 4, 5, 9, 11] {
        for length in [0, 31, 33, 48] {
            assert_eq!(with(field, bytes(&vec![0; length])), FormDefect::FieldType { field });
        }
    }
    for length in [0, 32, 47, 49] {
        assert_eq!(with(12, bytes(&vec![0; length])), FormDefect::FieldType { field: 12 });
    }
}

#[test]
fn null_where_a_value_must_be() {
    for field in [1, 2, 3, 6, 7, 8, 10, 11, 12] {
        assert_eq!(with(field, null()), FormDefect::FieldType { field });
    }
}

#[test]
fn every_field_missing() {
    for field in 1..=12 {
        let mut forge = Forge::new();
        forge.fields.retain(|(known, _)| *known != field);
        assert_eq!(refused(&forge.receipt()), FormDefect::FieldMissing { field });
    }
}

#[test]
fn unknown_fields() {
    for field in [0, 13, u64::MAX] {
        let mut forge = Forge::new();
        forge.fields.insert(if field == 0 { 0 } else { 12 }, (field, uint(0)));
        assert_eq!(refused(&forge.receipt()), FormDefect::FieldUnknown { field: field.to_string() });
    }
    let mut later = Forge::new().set(1, uint(3));
    later.fields.push((13, uint(0)));
    assert_eq!(refused(&later.receipt()), FormDefect::Version(3), "before fields that it may have");
}

#[test]
fn values_that_cannot_be() {
    assert_eq!(with(1, uint(1)), FormDefect::Version(1));
    assert_eq!(with(1, uint(3)), FormDefect::Version(3));
    assert_eq!(with(6, uint(1)), FormDefect::FieldType { field: 6 });
    assert_eq!(with(7, uint(0)), FormDefect::FieldRange { field: 7 });
    assert_eq!(with(7, uint(253_402_300_800_000)), FormDefect::FieldRange { field: 7 });
    assert_eq!(with(10, uint(0)), FormDefect::FieldRange { field: 10 });
    for name in ["", "cancelled", "Function Error", "Fünction", &"A".repeat(65)] {
        let receipt = Forge::failed(name).receipt();
        assert_eq!(refused(&receipt), FormDefect::FieldRange { field: 6 }, "{name}");
    }
}

#[test]
fn an_output_of_a_failure_and_a_success_without_one() {
    assert_eq!(with(4, null()), FormDefect::OutputAndOutcome);
    assert_eq!(with(6, text("FunctionError")), FormDefect::OutputAndOutcome);
}

#[test]
fn keys_twice_or_out_of_order() {
    let mut twice = Forge::new();
    twice.fields.insert(5, (5, null()));
    assert!(matches!(refused(&twice.receipt()), FormDefect::Payload(cbor::Error::DuplicateKey { .. })));
    let mut unsorted = Forge::new();
    unsorted.fields.swap(0, 1);
    assert!(matches!(refused(&unsorted.receipt()), FormDefect::Payload(cbor::Error::UnsortedKeys { .. })));
}

#[test]
fn encodings_that_are_not_the_deterministic_one() {
    let payload = Forge::new().payload();
    let indefinite = [&[0xbf], &payload[1..], &[0xff]].concat();
    assert!(matches!(
        refused(&signed(&indefinite)),
        FormDefect::Payload(cbor::Error::IndefiniteContainer { .. })
    ));
    let long_head = [&[0xb8, 12], &payload[1..]].concat();
    assert!(matches!(refused(&signed(&long_head)), FormDefect::Payload(cbor::Error::NotShortest { .. })));
    let long_number = Forge::new().set(6, vec![0x18, 0]).receipt();
    assert!(matches!(refused(&long_number), FormDefect::Payload(cbor::Error::NotShortest { .. })));
    let trailing = [&payload[..], &[0]].concat();
    assert!(matches!(refused(&signed(&trailing)), FormDefect::Payload(cbor::Error::TrailingBytes { .. })));
    assert!(matches!(
        refused(&signed(&payload[..payload.len() - 1])),
        FormDefect::Payload(cbor::Error::Truncated)
    ));
}

#[test]
fn the_outer_form() {
    let receipt = Forge::new().receipt();
    let payload = Forge::new().payload();
    let good = bytes(&signature(&payload, &ENCLAVE.key));
    let of = |protected: &[u8], unprotected: &[u8]| {
        refused(&cose(&bytes(protected), unprotected, &bytes(&payload), &good))
    };
    assert_eq!(refused(&[&[0xd2], &receipt[..]].concat()), FormDefect::Tag(18));
    assert_eq!(refused(&[&[0xd1], &receipt[..]].concat()), FormDefect::Tag(17));
    assert_eq!(of(&[0xa1, 1, 0x26], &[0xa0]), FormDefect::ProtectedHeader);
    assert_eq!(of(&[], &[0xa0]), FormDefect::ProtectedHeader);
    assert_eq!(of(PROTECTED, &[0xa1, 4, 0x40]), FormDefect::UnprotectedHeader);
    let trailing = [&receipt[..], &[0]].concat();
    assert!(matches!(refused(&trailing), FormDefect::Message(cbor::Error::TrailingBytes { .. })));
    let indefinite = [&[0x9f], &receipt[1..], &[0xff]].concat();
    assert!(matches!(refused(&indefinite), FormDefect::Message(cbor::Error::IndefiniteContainer { .. })));
    let short = cose(&bytes(PROTECTED), &[0xa0], &bytes(&payload), &bytes(&[1; 95]));
    assert_eq!(refused(&short), FormDefect::SignatureSize(95));
}

#[test]
fn limits_hold_before_anything_is_read() {
    assert_eq!(refused(&[0xff; 1025]), FormDefect::Size { actual: 1025, limit: 1024 });
    assert!(matches!(refused(&[0xff; 1024]), FormDefect::Message(_)));
    for length in [0, 769] {
        let receipt = cose(&bytes(PROTECTED), &[0xa0], &bytes(&vec![0; length]), &bytes(&[1; 96]));
        assert_eq!(refused(&receipt), FormDefect::PayloadSize(length));
    }
}
