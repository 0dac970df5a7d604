//! Mistakes that other verifiers have shipped with (`docs/security/prior-mistakes.md`): one test
//! each, which fails if we make it.

use std::sync::Arc;
use std::{fs, path};

use cape_core::UnixTime;
use cape_core::attest::{
    CertificateDefect, ChainCache, ChainDefect, DerDefect, Error, ExpectedNonce, FormDefect, Policy,
    PolicyError, TrustRoots,
};
use cape_core::encoding::cbor;

use crate::chain::{Chain, INSTANCE, LEAF, ROOT, ZONE};
use crate::document::{Forge, NOW, bytes, null, pcrs, signed, uint};
use crate::verifier::{Verifier, chain_defect, form_defect, judge, policy, release};
use crate::x509::{
    BIT_STRING, INTEGER, Key, SECP384R1, SEQUENCE, SIGNS_CERTIFICATES, SIGNS_DATA, authority, der, key_usage,
    public_key, public_key_with,
};

const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

/// What is wrong with the first bad certificate of a chain that is changed.
#[track_caller]
fn defect_of_chain(change: impl FnOnce(&mut Chain)) -> (usize, ChainDefect) {
    let forge = Forge::of(Chain::with(change));
    chain_defect(judge(&forge.document(), &forge))
}

fn key_info(key: &Key) -> Vec<u8> {
    public_key(SECP384R1, key.point())
}

#[test]
fn what_is_in_order_is_accepted() {
    let forge = Forge::new();
    let verified = judge(&forge.document(), &forge).unwrap();
    assert_eq!(verified.chain().len(), 5);
    let tagged = [&[0xd2], forge.document().as_slice()].concat();
    assert!(judge(&tagged, &forge).is_ok());
}

#[test]
fn pcr_check_skipped_when_the_argument_is_empty() {
    assert_eq!(Policy::new(Vec::new()).unwrap_err(), PolicyError::NoRelease);
    let refused = Policy::new(vec![release("empty", &[])]).unwrap_err();
    assert_eq!(refused, PolicyError::NothingPinned { release: "empty".into() });
    assert!(Policy::from_toml("").is_err());
    assert!(Policy::from_toml("[[release]]\nname = \"empty\"\n").is_err());
}

#[test]
fn all_pins_unset_passes() {
    for pins in [vec![(0, [0; 48])], (0..16).map(|index| (index, [0; 48])).collect(), vec![(3, [4; 48])]] {
        assert!(matches!(Policy::new(vec![release("unset", &pins)]), Err(PolicyError::NothingPinned { .. })));
    }
}

#[test]
fn only_pcr_bytes_compared() {
    let forge = Forge::new();
    let by_another = signed(&forge.payload(), &Key::generate());
    assert_eq!(judge(&by_another, &forge), Err(Error::SignatureInvalid));
    let unsigned = forge.chain.certificates[LEAF].with_signature(&[0x30, 6, 2, 1, 1, 2, 1, 1]);
    let mut certificates = forge.certificates.clone();
    certificates[LEAF] = unsigned;
    let forge = Forge::issued(forge.chain, certificates);
    assert_eq!(chain_defect(judge(&forge.document(), &forge)), (LEAF, ChainDefect::Signature));
}

#[test]
fn missing_certificate_skips_the_signature() {
    let forge = Forge::new();
    let without = Forge::with(|forge| forge.remove("certificate"));
    assert_eq!(form_defect(judge(&without, &forge)), FormDefect::MissingField("certificate"));
    for (value, reason) in [(null(), "expected a byte string"), (bytes(&[]), "length 0")] {
        let document = Forge::with(|forge| forge.set("certificate", value));
        assert!(form_defect(judge(&document, &forge)).to_string().contains(reason));
    }
    let payload = forge.payload();
    for signature in [vec![], vec![0; 96], vec![0; 95]] {
        let unsigned = crate::document::cose(
            &bytes(crate::document::PROTECTED),
            &[0xa0],
            &bytes(&payload),
            &bytes(&signature),
        );
        assert!(judge(&unsigned, &forge).is_err());
    }
}

#[test]
fn cabundle_read_from_the_wrong_end() {
    let mut forge = Forge::new();
    let reversed: Vec<_> = forge.certificates[..LEAF].iter().rev().cloned().collect();
    forge.set("cabundle", crate::document::array(&reversed));
    assert!(matches!(judge(&forge.document(), &forge), Err(Error::TrustRootMismatch { .. })));
}

#[test]
fn root_not_pinned() {
    let (genuine, mut other) = (Forge::new(), Chain::new());
    for key in &mut other.keys {
        *key = Arc::new(Key::generate());
    }
    for (certificate, key) in other.certificates.iter_mut().zip(&other.keys) {
        certificate.public_key = key_info(key);
    }
    let other = Forge::of(other);
    assert!(judge(&other.document(), &other).is_ok(), "it is in order, under its own root");
    let verdict = judge(&other.document(), &genuine);
    assert!(matches!(verdict, Err(Error::TrustRootMismatch { .. })), "{verdict:?}");
    let roots = TrustRoots::aws();
    let document = other.document();
    let verifier = Verifier::of(&other);
    let verdict = cape_core::attest::Document::parse(&document).unwrap().verify(
        &roots,
        &verifier.policy,
        &verifier.expectation,
        NOW,
        None,
    );
    assert!(matches!(verdict, Err(Error::TrustRootMismatch { .. })));
}

#[test]
fn basic_constraints_ignored_so_a_leaf_mints_a_leaf() {
    let mint = |chain: &mut Chain| {
        for certificate in &mut chain.certificates[..LEAF] {
            certificate.replace(authority(None));
        }
        let mut minted = chain.certificates[LEAF].clone();
        minted.issuer = chain.certificates[LEAF].subject.clone();
        chain.certificates[LEAF].replace(key_usage(SIGNS_CERTIFICATES));
        chain.certificates.push(minted);
        chain.keys.push(chain.keys[LEAF].clone());
    };
    assert_eq!(defect_of_chain(mint), (LEAF, ChainDefect::NotAnAuthority));
    assert_eq!(
        defect_of_chain(|chain| chain.certificates[LEAF].replace(authority(None))),
        (LEAF, ChainDefect::LeafIsAuthority)
    );
}

#[test]
fn key_usage_ignored() {
    let usage = |level: usize, bits: &'static [u8]| {
        defect_of_chain(|chain| chain.certificates[level].replace(key_usage(bits)))
    };
    for level in ROOT..LEAF {
        assert_eq!(usage(level, SIGNS_DATA), (level, ChainDefect::KeyMayNotSignCertificates));
    }
    assert_eq!(usage(LEAF, &[BIT_STRING, 2, 6, 0x40]), (LEAF, ChainDefect::KeyMayNotSignData));
    assert_eq!(usage(LEAF, &[BIT_STRING, 2, 2, 0x84]), (LEAF, ChainDefect::LeafIsAuthority));
    let without = defect_of_chain(|chain| chain.certificates[ZONE].extensions.truncate(1));
    assert_eq!(without, (ZONE, ChainDefect::Certificate(CertificateDefect::NoKeyUsage)));
}

#[test]
fn path_length_ignored() {
    for (level, actual) in [(ROOT, 3), (ZONE - 1, 2), (ZONE, 1)] {
        let allowed = actual - 1;
        let defect =
            defect_of_chain(|chain| chain.certificates[level].replace(authority(Some(allowed as u8))));
        assert_eq!(defect, (level, ChainDefect::PathLength { allowed, actual }));
    }
}

#[test]
fn curve_not_enforced() {
    let key = Key::generate();
    let point = key.point();
    let mut prime = vec![0xff; 48];
    prime[28..].copy_from_slice(&[
        0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
    ]);
    let explicit =
        der(SEQUENCE, &[&der(INTEGER, &[&[1]]), &der(SEQUENCE, &[&der(INTEGER, &[&[0], &prime])])]);
    for info in [
        public_key(PRIME256V1, &[&[4], [7; 64].as_slice()].concat()),
        public_key(PRIME256V1, point),
        public_key_with(&explicit, point),
        public_key_with(&[0x05, 0x00], point),
        public_key_with(&[], point),
    ] {
        let defect = defect_of_chain(|chain| chain.certificates[LEAF].public_key = info);
        assert_eq!(defect, (LEAF, ChainDefect::Certificate(CertificateDefect::PublicKey)));
    }
}

#[test]
fn panic_on_an_unexpected_curve() {
    let key = Key::generate();
    let compressed = [&[2], &key.point()[1..49]].concat();
    let hybrid = [&[6], &key.point()[1..]].concat();
    let longer = [key.point(), &[0]].concat();
    for point in [vec![], vec![0], vec![4], vec![4; 65], vec![4; 96], compressed, hybrid, longer] {
        let defect = defect_of_chain(|chain| {
            chain.certificates[INSTANCE].public_key = public_key(SECP384R1, &point);
        });
        assert_eq!(defect, (INSTANCE, ChainDefect::Certificate(CertificateDefect::PublicKey)));
    }
    // Of the right form, and on no curve.
    let off_the_curve = [&[4], [7; 96].as_slice()].concat();
    let defect = defect_of_chain(|chain| {
        chain.certificates[INSTANCE].public_key = public_key(SECP384R1, &off_the_curve);
    });
    assert_eq!(defect, (LEAF, ChainDefect::Signature));
}

#[test]
fn lenient_der() {
    let not_der = |change: fn(&mut Chain)| match defect_of_chain(change) {
        (LEAF, ChainDefect::Certificate(CertificateDefect::NotDer(rule))) => rule,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        not_der(|chain| {
            let serial = &mut chain.certificates[LEAF].serial;
            *serial = [&serial[..1], &[0x81], &serial[1..]].concat();
        }),
        DerDefect::LengthNotShortest
    );
    assert_eq!(
        not_der(|chain| chain.certificates[LEAF].serial = der(INTEGER, &[&[0, 1]])),
        DerDefect::IntegerNotShortest
    );
    assert_eq!(
        not_der(|chain| chain.certificates[LEAF].serial = der(INTEGER, &[&[0x80]])),
        DerDefect::NegativeInteger
    );
    assert_eq!(
        not_der(|chain| chain.certificates[LEAF].replace(key_usage(&[BIT_STRING, 2, 0, 0x80]))),
        DerDefect::NamedBitsNotShortest
    );
    let constraints = |content: &[u8]| {
        crate::x509::extension(crate::x509::BASIC_CONSTRAINTS, true, &der(SEQUENCE, &[content]))
    };
    for (content, rule) in [
        (&[1, 1, 0][..], DerDefect::WrittenDefault),
        (&[1, 1, 1], DerDefect::Boolean),
        (&[1, 2, 0xff, 0xff], DerDefect::Boolean),
    ] {
        let defect = defect_of_chain(|chain| chain.certificates[LEAF].replace(constraints(content)));
        assert_eq!(defect, (LEAF, ChainDefect::Certificate(CertificateDefect::NotDer(rule))));
    }
    let mut forge = Forge::new();
    let mut certificates = forge.certificates.clone();
    certificates[LEAF].push(0);
    forge = Forge::issued(forge.chain, certificates);
    assert_eq!(
        chain_defect(judge(&forge.document(), &forge)),
        (LEAF, ChainDefect::Certificate(CertificateDefect::NotDer(DerDefect::TrailingBytes)))
    );
}

#[test]
fn duplicate_extension() {
    for (first, second) in [(SIGNS_DATA, SIGNS_CERTIFICATES), (SIGNS_CERTIFICATES, SIGNS_DATA)] {
        let defect = defect_of_chain(|chain| {
            let extensions = &mut chain.certificates[LEAF].extensions;
            extensions.truncate(1);
            extensions.extend([key_usage(first), key_usage(second)]);
        });
        assert_eq!(defect, (LEAF, ChainDefect::Certificate(CertificateDefect::DuplicateExtension)));
    }
}

#[test]
fn duplicate_map_key_last_wins() {
    let forge = Forge::new();
    for (name, value) in forge.fields.clone() {
        let twice = Forge::with(|forge| forge.fields.push((name, value)));
        let defect = form_defect(judge(&twice, &forge));
        assert!(matches!(defect, FormDefect::Payload(cbor::Error::DuplicateKey { .. })), "{name}: {defect}");
    }
}

#[test]
fn trailing_bytes() {
    let forge = Forge::new();
    let payload = [forge.payload(), vec![0]].concat();
    let defect = form_defect(judge(&signed(&payload, forge.chain.leaf_key()), &forge));
    assert!(matches!(defect, FormDefect::Payload(cbor::Error::TrailingBytes { .. })));
    let document = [forge.document(), vec![0]].concat();
    let defect = form_defect(judge(&document, &forge));
    assert!(matches!(defect, FormDefect::Document(cbor::Error::TrailingBytes { .. })));
}

#[test]
fn duplicate_pcr_index() {
    let forge = Forge::new();
    let registers: Vec<_> = (0..3).chain([0]).map(|index| (index, [index + 1; 48])).collect();
    let document = Forge::with(|forge| forge.set("pcrs", pcrs(&registers)));
    let defect = form_defect(judge(&document, &forge));
    assert!(matches!(defect, FormDefect::Payload(cbor::Error::DuplicateKey { .. })));
}

#[test]
fn zero_pcr_dropped_so_that_its_pin_is_passed_over() {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    verifier.policy = policy(&[(0, [1; 48]), (8, [9; 48])]);
    let judge = |registers: &[(u8, [u8; 48])]| {
        verifier.judge(&Forge::with(|forge| forge.set("pcrs", pcrs(registers))))
    };
    let measured = [(0, [1; 48]), (1, [2; 48]), (2, [3; 48])];
    let mismatch =
        |actual| Err(Error::PcrMismatch { release: "pinned".into(), index: 8, expected: [9; 48], actual });
    assert_eq!(judge(&[&measured[..], &[(8, [0; 48])]].concat()), mismatch(Some([0; 48])));
    assert_eq!(judge(&measured), mismatch(None));
    assert!(judge(&[&measured[..], &[(8, [9; 48])]].concat()).is_ok());
}

#[test]
fn debug_mode_accepted() {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    for policy in [verifier.policy.clone(), Policy::insecure_any_code(), policy(&[(8, [9; 48])])] {
        verifier.policy = policy;
        for index in 0..3 {
            let mut registers: Vec<_> = (0..9).map(|index| (index, [index + 1; 48])).collect();
            registers[usize::from(index)].1 = [0; 48];
            let zero = Forge::with(|forge| forge.set("pcrs", pcrs(&registers)));
            assert_eq!(verifier.judge(&zero), Err(Error::DebugModeEnclave { index }));
            registers.remove(usize::from(index));
            let untold = Forge::with(|forge| forge.set("pcrs", pcrs(&registers)));
            assert_eq!(verifier.judge(&untold), Err(Error::DebugModeEnclave { index }));
        }
    }
}

#[test]
fn expired_certificate_passes_through_a_cache() {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    let cache = ChainCache::new();
    assert!(verifier.judge_with(&forge.document(), Some(&cache)).is_ok());
    assert_eq!(cache.len(), 4);
    // After the instance's certificate, and with a leaf that is still valid.
    verifier.now = UnixTime::parse("2026-11-25T00:00:01Z").unwrap();
    let mut later = forge.clone();
    later.set("timestamp", uint(verifier.now.as_millis()));
    let verdict = verifier.judge_with(&later.document(), Some(&cache));
    assert!(matches!(verdict, Err(Error::CertificateExpired { certificate: INSTANCE, .. })), "{verdict:?}");
}

#[test]
fn timestamp_unused() {
    let forge = Forge::new();
    for timestamp in [NOW.as_millis() - 300_001, NOW.as_millis() + 120_001] {
        let document = Forge::with(|forge| forge.set("timestamp", uint(timestamp)));
        let verdict = judge(&document, &forge);
        assert!(matches!(verdict, Err(Error::DocumentTooOld { .. })), "{timestamp}: {verdict:?}");
    }
}

#[test]
fn nonce_optional() {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    let without = Forge::with(|forge| forge.set("nonce", null()));
    let mismatch = |expected_length| Err(Error::NonceMismatch { actual_length: None, expected_length });
    assert_eq!(verifier.judge(&without), mismatch(32));
    verifier.expectation.nonce = ExpectedNonce::Exactly(b"");
    assert_eq!(verifier.judge(&without), mismatch(0));
    let left_out = Forge::with(|forge| forge.remove("nonce"));
    assert_eq!(form_defect(verifier.judge(&left_out)), FormDefect::MissingField("nonce"));
}

#[test]
fn leading_zero_of_a_coordinate_dropped() {
    for start in [1, 49] {
        let key = (0..20_000).map(|_| Key::generate()).find(|key| key.point()[start] == 0).unwrap();
        let forge = Forge::of(Chain::with(|chain| {
            chain.certificates[LEAF].public_key = key_info(&key);
            chain.keys[LEAF] = Arc::new(key);
        }));
        assert!(judge(&forge.document(), &forge).is_ok());
    }
}

#[test]
fn no_feature_or_variable_skips_a_check() {
    let sources = path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let below = fs::read_dir(sources.join("attest")).unwrap().map(|entry| entry.unwrap().path());
    for path in below.chain(["cose.rs", "ecdsa.rs"].map(|file| sources.join(file))) {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            for switch in ["cfg!", "cfg(feature", "cfg(debug", "cfg(not", "std::env", "option_env"] {
                assert!(!source.contains(switch), "{switch} in {}", path.display());
            }
        }
    }
}

#[test]
fn another_instance_answers() {
    let forge = Forge::new();
    let mut verifier = Verifier::of(&forge);
    verifier.policy = policy(&[(0, [1; 48]), (4, [5; 48])]);
    assert!(verifier.judge(&forge.document()).is_ok());
    let mut registers: Vec<_> = (0..16).map(|index| (index, [index + 1; 48])).collect();
    registers[4].1 = [0xee; 48];
    let relayed = Forge::with(|forge| forge.set("pcrs", pcrs(&registers)));
    assert!(matches!(verifier.judge(&relayed), Err(Error::PcrMismatch { index: 4, .. })));
}

#[test]
fn another_vault_answers() {
    let forge = Forge::new();
    let data = cape_core::attest::SessionData { vault: [0xee; 32], runtime: [1; 32], receipts: [2; 32] };
    let document = Forge::with(|forge| forge.set("user_data", bytes(&data.to_user_data())));
    let verdict = judge(&document, &forge);
    assert!(matches!(verdict, Err(Error::VaultMismatch { actual: Some([0xee, ..]), .. })), "{verdict:?}");
}
