use std::fs;
use std::process::Command;

use cape_nsm::{AttestationFields, Nsm};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;

use crate::support::{DAY, Document, Folder, HOUR, SECOND, START, certificate, genuine_documents, module};

#[test]
fn every_certificate_is_signed_by_the_one_above() {
    let (nsm, _) = module();
    let chain = Document::of(&nsm).chain();
    assert_eq!(chain.len(), 5);
    let root = certificate(&chain[0]);
    assert_eq!(root.subject(), root.issuer());
    root.verify_signature(None).unwrap();
    for pair in chain.windows(2) {
        let (issuer, subject) = (certificate(&pair[0]), certificate(&pair[1]));
        assert_eq!(issuer.subject().as_raw(), subject.issuer().as_raw());
        subject.verify_signature(Some(issuer.public_key())).unwrap();
    }
}

#[test]
fn no_certificate_is_above_1024_bytes() {
    let (nsm, _) = module();
    for der in Document::of(&nsm).chain() {
        assert!(der.len() <= 1024, "{}", der.len());
    }
}

#[test]
fn nobody_can_mistake_it_for_a_real_one() {
    let (nsm, _) = module();
    for der in Document::of(&nsm).chain() {
        let certificate = certificate(&der);
        let name = certificate.subject().to_string();
        assert!(name.contains("OU=Development"), "{name}");
        assert!(!name.to_lowercase().contains("aws"), "{name}");
    }
}

#[test]
fn each_lives_as_long_as_its_kind() {
    let (nsm, clock) = module();
    clock.set(START + SECOND);
    let chain = Document::of(&nsm).chain();
    let lives: Vec<(u64, u64)> = chain.iter().map(|der| validity(&certificate(der))).collect();
    assert_eq!(
        lives,
        [
            (START - DAY, START + 3650 * DAY),
            (START - HOUR, START + 20 * DAY),
            (START - HOUR, START + 6 * DAY),
            (START - 3 * SECOND, START + DAY - 3 * SECOND),
            (START - 3 * SECOND, START + 3 * HOUR),
        ]
    );
}

#[test]
fn the_leafs_serial_number_is_the_enclaves_and_the_time() {
    let (nsm, _) = module();
    let document = Document::of(&nsm);
    let module_id = document.text("module_id");
    let (_, enclave) = module_id.split_once("-enc").unwrap();
    let leaf = document.bytes("certificate").unwrap();
    let serial = certificate(&leaf).raw_serial_as_string().replace(':', "");
    assert_eq!(serial, format!("{enclave}{:016x}", START / 1000));
}

#[test]
fn every_profile_is_that_of_the_genuine_ones() {
    let (nsm, _) = module();
    let ours = Document::of(&nsm).chain();
    for (name, document) in genuine_documents("every_profile_is_that_of_the_genuine_ones") {
        let document = Document::read(&document);
        if !document.is_of_today() {
            continue; // the oldest have no key identifiers in the instance's certificate
        }
        let genuine = document.chain();
        assert_eq!(genuine.len(), ours.len(), "{name}");
        for (level, (ours, genuine)) in ours.iter().zip(&genuine).enumerate() {
            let (ours, genuine) = (certificate(ours), certificate(genuine));
            assert_eq!(profile(&ours), profile(&genuine), "{name}, level {level}");
            assert_eq!(name_shape(&ours), name_shape(&genuine), "{name}, level {level}");
        }
    }
}

#[test]
fn the_leafs_extensions_are_byte_for_byte_those_of_the_genuine_ones() {
    // basicConstraints critical and empty; keyUsage digitalSignature + nonRepudiation.
    let expected = b"\xa3\x1d\x30\x1b\
        \x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00\
        \x30\x0b\x06\x03\x55\x1d\x0f\x04\x04\x03\x02\x06\xc0";
    let test = "the_leafs_extensions_are_byte_for_byte_those_of_the_genuine_ones";
    let genuine = genuine_documents(test).into_iter().map(|(_, document)| document);
    let (nsm, _) = module();
    let ours = nsm.attest(AttestationFields::default()).unwrap();
    for document in genuine.chain([ours]) {
        let document = Document::read(&document);
        if document.chain().len() == 5 {
            let leaf = document.bytes("certificate").unwrap();
            let certificate = certificate(&leaf);
            assert!(certificate.tbs_certificate.as_ref().ends_with(expected));
        }
    }
}

#[test]
fn openssl_accepts_the_chain() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("openssl_accepts_the_chain is skipped: there is no openssl");
        return;
    }
    let (nsm, _) = module();
    let folder = Folder::new();
    let blocks: Vec<String> = Document::of(&nsm)
        .chain()
        .into_iter()
        .map(|der| pem::encode(&pem::Pem::new("CERTIFICATE", der)))
        .collect();
    fs::write(folder.join("root.pem"), &blocks[0]).unwrap();
    fs::write(folder.join("between.pem"), blocks[1..4].concat()).unwrap();
    fs::write(folder.join("leaf.pem"), &blocks[4]).unwrap();
    let verify = |now: u64| {
        let output = Command::new("openssl")
            .args(["verify", "-attime", &(now / 1000).to_string()])
            .args(["-CAfile", "root.pem", "-untrusted", "between.pem", "leaf.pem"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(verify(START), (true, String::new()));
    let (accepted, reason) = verify(START + 4 * HOUR);
    assert!(!accepted && reason.contains("certificate has expired"), "{reason}");
}

/// What a certificate permits and states, without names, keys and times.
fn profile(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut profile: Vec<String> = certificate
        .extensions()
        .iter()
        .map(|extension| {
            let value = match extension.parsed_extension() {
                ParsedExtension::BasicConstraints(constraints) => format!("{constraints:?}"),
                ParsedExtension::KeyUsage(usage) => format!("{usage}"),
                ParsedExtension::SubjectKeyIdentifier(identifier) => identifier.0.len().to_string(),
                ParsedExtension::AuthorityKeyIdentifier(identifier) => {
                    assert!(identifier.authority_cert_serial.is_none());
                    identifier.key_identifier.as_ref().unwrap().0.len().to_string()
                }
                ParsedExtension::CRLDistributionPoints(points) => points.len().to_string(),
                other => panic!("{other:?}"),
            };
            format!("{} critical={} {value}", extension.oid, extension.critical)
        })
        .collect();
    profile.sort();
    profile.push(certificate.signature_algorithm.algorithm.to_string());
    let key = certificate.public_key();
    profile.push(key.algorithm.algorithm.to_string());
    profile.push(key.algorithm.parameters.as_ref().unwrap().as_oid().unwrap().to_string());
    profile.push(key.subject_public_key.data.len().to_string());
    profile.push(certificate.version().to_string());
    profile
}

/// The attributes of the subject, in their order.
fn name_shape(certificate: &X509Certificate<'_>) -> Vec<String> {
    certificate.subject().iter_attributes().map(|attribute| attribute.attr_type().to_string()).collect()
}

/// In milliseconds since 1970.
fn validity(certificate: &X509Certificate<'_>) -> (u64, u64) {
    let validity = certificate.validity();
    let milliseconds = |time: i64| u64::try_from(time).unwrap() * SECOND;
    (milliseconds(validity.not_before.timestamp()), milliseconds(validity.not_after.timestamp()))
}
