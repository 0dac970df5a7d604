//! Each defect of form and of a chain has a reason, a name that programs go by: it is there in the details,
//! is that of no other defect, and stands in the specification.

use std::collections::{BTreeMap, BTreeSet};

use cape_core::ErrorCode;
use cape_core::attest::{CertificateDefect, ChainDefect, DerDefect, FormDefect, UserDataDefect};
use cape_core::encoding::cbor;

use crate::published_vectors::vectors;

const SPECIFICATION: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/attestation.md"));

/// The reasons that the vectors of a check are refused for. What is no DER at all is told as that, wherever
/// it stands in a certificate; everything else has a reason of its own.
#[rustfmt::skip]
const OF_VECTORS: &[(&str, &[&str])] = &[
    ("cbor.depth", &["cbor_type"]),
    ("cbor.duplicate-key", &["cbor_duplicate_key"]),
    ("cbor.head", &["cbor_not_shortest"]),
    ("cbor.indefinite-string", &["cbor_indefinite_string"]),
    ("cbor.trailing", &["cbor_trailing"]),
    ("cbor.truncated", &["cbor_truncated"]),
    ("cbor.type", &["cbor_type"]),
    ("cbor.utf8", &["cbor_utf8"]),
    ("certificate.algorithm", &["signature_algorithm"]),
    ("certificate.basic-constraints", &[
        "basic_constraints_missing", "basic_constraints_not_critical", "path_length_out_of_place",
        "path_length_too_large",
    ]),
    ("certificate.der", &[
        "der_boolean", "der_default", "der_integer_empty", "der_integer_negative",
        "der_integer_not_shortest", "der_length", "der_length_not_shortest", "der_named_bits",
        "der_named_bits_not_shortest", "der_object_identifier", "der_tag", "der_trailing", "der_truncated",
        "der_type",
    ]),
    ("certificate.extensions", &[
        "basic_constraints_missing", "der_truncated", "extension_not_judged", "extension_twice",
        "extension_unknown",
    ]),
    ("certificate.key", &["der_trailing", "public_key"]),
    ("certificate.key-usage", &["key_usage_missing"]),
    ("certificate.name", &["der_truncated", "name_attributes", "name_empty", "name_text", "name_text_type"]),
    ("certificate.serial", &["serial_number"]),
    ("certificate.signature-form", &[
        "der_bit_string", "der_integer_negative", "der_integer_not_shortest", "der_trailing",
        "der_truncated", "der_type",
    ]),
    ("certificate.time", &["der_trailing", "der_truncated", "time"]),
    ("certificate.unique-id", &["der_type"]),
    ("certificate.version", &["version"]),
    ("chain.authority", &["not_an_authority"]),
    ("chain.issuer", &["issuer"]),
    ("chain.key-usage", &["key_may_not_sign_certificates"]),
    ("chain.leaf", &["key_may_not_sign_data", "leaf_is_authority"]),
    ("chain.order", &["not_an_authority", "signature"]),
    ("chain.path-length", &["path_length"]),
    ("chain.signature", &["signature"]),
    ("cose.items", &["cbor_length"]),
    ("cose.payload-size", &["cbor_trailing", "field_size"]),
    ("cose.protected", &["protected_header"]),
    ("cose.signature-size", &["field_size"]),
    ("cose.unprotected", &["unprotected_header"]),
    ("fields.certificates", &["field_size"]),
    ("fields.digest", &["digest"]),
    ("fields.missing", &["field_missing"]),
    ("fields.module-id", &["field_size"]),
    ("fields.optional", &["field_size"]),
    ("fields.pcrs", &["field_size", "pcr_index"]),
    ("fields.timestamp", &["timestamp"]),
    ("fields.unknown", &["field_unknown"]),
    ("purpose", &[
        "cbor_indefinite_container", "cbor_length", "cbor_trailing", "cbor_truncated", "cbor_unsorted_keys",
        "nonce_out_of_place", "public_key_out_of_place", "use", "use_unknown", "user_data_field_missing",
        "user_data_field_unknown", "user_data_missing", "user_data_version",
    ]),
    ("size", &["cbor_trailing", "size"]),
    ("tag", &["cbor_type", "tag"]),
];

#[test]
fn each_refused_vector_has_one() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for vector in vectors() {
        let Err(error) = vector.judge(&vector.document, None) else { continue };
        let details = error.details();
        let reasons: Vec<_> = details.iter().filter(|(name, _)| *name == "reason").collect();
        if !matches!(error.code(), ErrorCode::ChainInvalid | ErrorCode::DocumentMalformed) {
            assert_eq!(reasons.len(), 0, "{}: its class says it", vector.name);
            continue;
        }
        let [(_, reason)] = reasons.as_slice() else { panic!("{}: {details:?}", vector.name) };
        found.entry(vector.check().to_owned()).or_default().insert(reason.clone());
    }
    let expected = OF_VECTORS.iter().map(|(check, reasons)| {
        ((*check).to_owned(), reasons.iter().map(|reason| (*reason).to_owned()).collect())
    });
    assert_eq!(found, expected.collect());
}

#[test]
fn no_two_defects_share_one_and_the_specification_has_them_all() {
    for reasons in [of_documents(), of_chains()] {
        for reason in &reasons {
            assert!(reason.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{reason}");
            assert!(SPECIFICATION.contains(&format!("`{reason}`")), "{reason} is not in the specification");
        }
        let distinct: BTreeSet<_> = reasons.iter().collect();
        assert_eq!(distinct.len(), reasons.len(), "{reasons:?}");
    }
}

fn of_documents() -> Vec<&'static str> {
    let offset = 0;
    let cbor = [
        cbor::Error::DuplicateKey { offset },
        cbor::Error::IndefiniteContainer { offset },
        cbor::Error::IndefiniteString { offset },
        cbor::Error::InvalidUtf8 { offset },
        cbor::Error::NotShortest { offset },
        cbor::Error::TooDeep { offset },
        cbor::Error::TooManyItems { offset },
        cbor::Error::TrailingBytes { offset },
        cbor::Error::Truncated,
        cbor::Error::UnsortedKeys { offset },
        cbor::Error::WrongLength { expected: "", offset },
        cbor::Error::WrongType { expected: "", offset },
    ];
    let user_data = [
        UserDataDefect::Missing,
        UserDataDefect::Version(1),
        UserDataDefect::UnknownUse(String::new()),
        UserDataDefect::WrongUse { expected: "", actual: "" },
        UserDataDefect::MissingField(""),
        UserDataDefect::UnknownField(String::new()),
        UserDataDefect::PublicKeyOutOfPlace,
        UserDataDefect::NonceOutOfPlace,
    ];
    let form = [
        FormDefect::DocumentSize { actual: 0, limit: 0 },
        FormDefect::Tag(17),
        FormDefect::ProtectedHeader,
        FormDefect::UnprotectedHeader,
        FormDefect::FieldSize { field: "", actual: 0, minimum: 0, maximum: 0 },
        FormDefect::MissingField(""),
        FormDefect::UnknownField(String::new()),
        FormDefect::Digest(String::new()),
        FormDefect::ZeroTimestamp,
        FormDefect::PcrIndex,
    ];
    let of_cbor = cbor.map(FormDefect::Document);
    let of_user_data = user_data.map(FormDefect::Purpose);
    [form.as_slice(), &of_cbor, &of_user_data].into_iter().flatten().map(FormDefect::reason).collect()
}

fn of_chains() -> Vec<&'static str> {
    let der = [
        DerDefect::TrailingBytes,
        DerDefect::ElementType,
        DerDefect::Truncated,
        DerDefect::LongTag,
        DerDefect::LengthForm,
        DerDefect::LengthNotShortest,
        DerDefect::EmptyInteger,
        DerDefect::NegativeInteger,
        DerDefect::IntegerNotShortest,
        DerDefect::WrittenDefault,
        DerDefect::Boolean,
        DerDefect::ObjectIdentifier,
        DerDefect::BitString,
        DerDefect::NamedBitsLength,
        DerDefect::NamedBitsNotShortest,
        DerDefect::Time,
        DerDefect::NameEmpty,
        DerDefect::NameAttributes,
        DerDefect::NameText,
        DerDefect::NameTextType,
    ];
    let certificate = [
        CertificateDefect::Version,
        CertificateDefect::SerialNumber,
        CertificateDefect::SignatureAlgorithm,
        CertificateDefect::PublicKey,
        CertificateDefect::DuplicateExtension,
        CertificateDefect::UnknownCriticalExtension,
        CertificateDefect::UnjudgedRestriction,
        CertificateDefect::NoBasicConstraints,
        CertificateDefect::BasicConstraintsNotCritical,
        CertificateDefect::PathLengthOutOfPlace,
        CertificateDefect::PathLengthTooLarge,
        CertificateDefect::NoKeyUsage,
    ];
    let chain = [
        ChainDefect::Signature,
        ChainDefect::IssuerMismatch,
        ChainDefect::NotAnAuthority,
        ChainDefect::PathLength { allowed: 0, actual: 1 },
        ChainDefect::KeyMayNotSignCertificates,
        ChainDefect::LeafIsAuthority,
        ChainDefect::KeyMayNotSignData,
    ];
    let of_der = der.map(|defect| ChainDefect::Certificate(defect.into()));
    let of_certificates = certificate.map(ChainDefect::Certificate);
    let all = [chain.as_slice(), &of_der, &of_certificates].into_iter().flatten();
    all.map(|defect| defect.reason()).collect()
}
