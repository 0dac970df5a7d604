//! Check 4, certificate by certificate: form, signature, names, validity.

use cape_core::UnixTime;
use cape_core::attest::{CertificateDefect, ChainDefect, DerDefect, Error};

use crate::chain::{Chain, INSTANCE, LEAF, REGION, ROOT, ZONE};
use crate::document::Forge;
use crate::verifier::{Verifier, chain_defect, judge};
use crate::x509::{
    BASIC_CONSTRAINTS, Certificate, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, algorithm, der, extension, name,
    no_authority, utc_time,
};

#[track_caller]
fn defect(change: impl FnOnce(&mut Chain)) -> (usize, ChainDefect) {
    let forge = Forge::of(Chain::with(change));
    chain_defect(judge(&forge.document(), &forge))
}

/// What is wrong with the zone's certificate when it is changed.
#[track_caller]
fn zone_defect(change: impl FnOnce(&mut Certificate)) -> CertificateDefect {
    match defect(|chain| change(&mut chain.certificates[ZONE])) {
        (ZONE, ChainDefect::Certificate(defect)) => defect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_version() {
    assert_eq!(
        zone_defect(|it| it.version = der(0xa0, &[&der(INTEGER, &[&[1]])])),
        CertificateDefect::Version
    );
    assert_eq!(zone_defect(|it| it.version = Vec::new()), CertificateDefect::Version);
}

#[test]
fn serial_numbers() {
    let of = |serial: &[u8]| {
        let serial = der(INTEGER, &[serial]);
        zone_defect(|it| it.serial = serial)
    };
    assert_eq!(of(&[0]), CertificateDefect::SerialNumber);
    assert_eq!(of(&[0x7f; 21]), CertificateDefect::SerialNumber);
    assert_eq!(of(&[]), CertificateDefect::NotDer(DerDefect::EmptyInteger));
}

#[test]
fn another_signature_algorithm() {
    let sha256 = der(SEQUENCE, &[&der(OBJECT_IDENTIFIER, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]])]);
    let parameters = der(SEQUENCE, &[&algorithm()[2..], &[5, 0]]);
    for other in [sha256, parameters] {
        for place in 0..2 {
            let found = zone_defect(|it| it.algorithms[place] = other.clone());
            assert_eq!(found, CertificateDefect::SignatureAlgorithm);
        }
    }
}

#[test]
fn signatures_that_are_no_pair_of_integers() {
    for signature in [
        &[][..],
        &[0x30, 0],
        &[0x30, 3, 2, 1, 1],
        &[0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1],
        &[0x30, 6, 2, 1, 0x80, 2, 1, 1],
        &[0x30, 7, 2, 2, 0, 1, 2, 1, 1],
        &[0x30, 6, 2, 1, 1, 2, 1, 1, 0],
        &[7; 96],
    ] {
        let chain = Chain::new();
        let mut certificates = chain.issue();
        certificates[ZONE] = chain.certificates[ZONE].with_signature(signature);
        let forge = Forge::issued(chain, certificates);
        let (index, found) = chain_defect(judge(&forge.document(), &forge));
        assert_eq!(index, ZONE);
        assert!(matches!(found, ChainDefect::Certificate(CertificateDefect::NotDer(_))), "{found:?}");
    }
}

#[test]
fn a_signature_by_another_key() {
    let chain = Chain::new();
    let mut certificates = chain.issue();
    certificates[ZONE] = chain.certificates[ZONE].signed_by(&chain.keys[ROOT]);
    let forge = Forge::issued(chain, certificates);
    assert_eq!(chain_defect(judge(&forge.document(), &forge)), (ZONE, ChainDefect::Signature));
}

#[test]
fn an_issuer_that_is_not_the_subject_above() {
    let other = defect(|chain| chain.certificates[ZONE].issuer = name("elsewhere"));
    assert_eq!(other, (ZONE, ChainDefect::IssuerMismatch));
}

#[test]
fn certificates_left_out_or_swapped() {
    for level in REGION..LEAF {
        let chain = Chain::new();
        let mut certificates = chain.issue();
        certificates.remove(level);
        let forge = Forge::issued(chain, certificates);
        assert_eq!(chain_defect(judge(&forge.document(), &forge)), (level, ChainDefect::Signature));
    }
    let chain = Chain::new();
    let mut certificates = chain.issue();
    certificates.swap(ZONE, INSTANCE);
    let forge = Forge::issued(chain, certificates);
    assert_eq!(chain_defect(judge(&forge.document(), &forge)), (ZONE, ChainDefect::Signature));
}

#[test]
fn each_is_valid_from_its_first_to_its_last_second() {
    let at = |time: &str| UnixTime::parse(time).unwrap();
    let (first, last) = ("261124034736Z", "261124034740Z");
    for level in ROOT..=LEAF {
        let mut forge = Forge::of(Chain::with(|chain| {
            chain.certificates[level].validity = der(SEQUENCE, &[&utc_time(first), &utc_time(last)]);
        }));
        for (now, valid) in [
            ("2026-11-24T03:47:35Z", false),
            ("2026-11-24T03:47:36Z", true),
            ("2026-11-24T03:47:40Z", true),
            ("2026-11-24T03:47:41Z", false),
        ] {
            let mut verifier = Verifier::of(&forge);
            verifier.now = UnixTime::from_millis(at(now).as_millis() + 999);
            forge.set("timestamp", crate::document::uint(verifier.now.as_millis()));
            match verifier.judge(&forge.document()) {
                Ok(_) => assert!(valid, "{level} at {now}"),
                Err(Error::CertificateExpired { certificate, not_before, not_after, judged_at, .. }) => {
                    assert!(!valid, "{level} at {now}");
                    assert_eq!(certificate, level);
                    assert_eq!(
                        (not_before, not_after),
                        (at("2026-11-24T03:47:36Z"), at("2026-11-24T03:47:40Z"))
                    );
                    assert_eq!(judged_at, verifier.now);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn times_out_of_form() {
    for time in [
        utc_time("2611240347Z"),
        utc_time("261124034736+0000"),
        utc_time("261324034736Z"),
        der(0x18, &[b"20261124034736Z"]),
        der(0x18, &[b"20500101000000.5Z"]),
    ] {
        let found = zone_defect(|it| it.validity = der(SEQUENCE, &[&time, &utc_time("491028142805Z")]));
        assert_eq!(found, CertificateDefect::NotDer(DerDefect::Time));
    }
    let three = [utc_time("261122000000Z"), utc_time("261128000000Z"), utc_time("261128000000Z")].concat();
    let found = zone_defect(|it| it.validity = der(SEQUENCE, &[&three]));
    assert_eq!(found, CertificateDefect::NotDer(DerDefect::TrailingBytes));
}

#[test]
fn unique_ids() {
    for tag in [0x81, 0x82] {
        let found = zone_defect(|it| it.unique_ids = der(tag, &[&[0, 1]]));
        assert_eq!(found, CertificateDefect::NotDer(DerDefect::ElementType));
    }
}

#[test]
fn extensions_that_are_missing_not_critical_or_unknown() {
    let with = |extension: Vec<u8>| zone_defect(|it| it.extensions.push(extension));
    assert_eq!(
        zone_defect(|it| it.extensions = it.extensions.split_off(1)),
        CertificateDefect::NoBasicConstraints
    );
    let not_critical = extension(BASIC_CONSTRAINTS, false, &[0x30, 3, 1, 1, 0xff]);
    assert_eq!(zone_defect(|it| it.replace(not_critical)), CertificateDefect::BasicConstraintsNotCritical);
    for kind in [30, 36, 37, 54] {
        for is_critical in [false, true] {
            let restriction = extension(&[0x55, 0x1d, kind], is_critical, &[0x30, 0]);
            assert_eq!(with(restriction), CertificateDefect::UnjudgedRestriction);
        }
    }
    let unknown = |is_critical| extension(&[0x2a, 3, 4], is_critical, &[5, 0]);
    assert_eq!(with(unknown(true)), CertificateDefect::UnknownCriticalExtension);
    let forge = Forge::of(Chain::with(|chain| chain.certificates[ZONE].extensions.push(unknown(false))));
    assert!(judge(&forge.document(), &forge).is_ok());
}

#[test]
fn a_path_length_without_authority() {
    let constraints = extension(BASIC_CONSTRAINTS, true, &[0x30, 3, INTEGER, 1, 0]);
    let found = defect(|chain| chain.certificates[LEAF].replace(constraints));
    assert_eq!(found, (LEAF, ChainDefect::Certificate(CertificateDefect::PathLengthOutOfPlace)));
    let found = defect(|chain| chain.certificates[ZONE].replace(no_authority()));
    assert_eq!(found, (ZONE, ChainDefect::NotAnAuthority));
}

#[test]
fn chains_of_other_lengths() {
    // The root alone may issue the leaf.
    let short = Chain::with(|chain| {
        chain.certificates.drain(REGION..LEAF);
        chain.keys.drain(REGION..LEAF);
        chain.certificates[1].issuer = name("root");
    });
    let forge = Forge::of(short);
    assert_eq!(judge(&forge.document(), &forge).unwrap().chain().len(), 2);
}
