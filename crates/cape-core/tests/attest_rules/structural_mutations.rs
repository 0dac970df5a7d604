//! Documents that are well-formed in some other way, signed by the own authorities or by AWS: what is
//! accepted of them, others accept too ([`second_opinion`]).
//!
//! The cases are the same each time, and how many are accepted is counted: a comparison that nothing
//! reaches could not fail.

use core::cell::Cell;

use cape_core::attest::{Error, TrustRoots};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::chain::{Chain, LEAF};
use crate::document::{Forge, NOW, PROTECTED, array, bytes, cose, null, pcrs, signature, uint};
use crate::nitro_documents::{Sample, first_of_cabundle, samples};
use crate::second_opinion;
use crate::verifier::Verifier;
use crate::x509::{
    BASIC_CONSTRAINTS, BIT_STRING, BOOLEAN, Certificate, INTEGER, SEQUENCE, authority, der, extension,
    key_usage, name, no_authority, utc_time,
};

/// One thing that is written in another way.
#[derive(Clone, Debug)]
enum Mutation {
    // The chain, before it is signed.
    Extension { level: Index, kind: u8, critical: bool },
    ExtensionsReversed { level: Index },
    ExtensionLeftOut { level: Index, which: Index },
    ExtensionTwice { level: Index, which: Index },
    PathLength { level: Index, length: Option<u8> },
    LongPathLength { level: Index, length: u16 },
    Authority { level: Index, is_one: bool },
    KeyUsage { level: Index, bits: u8 },
    Serial { level: Index, number: Vec<u8> },
    Renamed { level: Index },
    Validity { level: Index, last: u8 },
    // The bundle.
    CertificatesSwapped { one: Index, other: Index },
    CertificateLeftOut { which: Index },
    CertificateTwice { which: Index },
    // The payload.
    FieldsSwapped { one: Index, other: Index },
    FieldLeftOut { which: Index },
    FieldTwice { which: Index },
    FieldNull { which: Index },
    DefiniteMap,
    LongHead,
    Registers { count: u8 },
    Timestamp { seconds_ago: u16 },
    // The message.
    Tag { number: u8 },
    IndefiniteMessage,
    IndefiniteHeader,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use Mutation::*;
    let index = any::<Index>;
    let kind = prop::sample::select(&[14, 17, 30, 31, 32, 35, 36, 37, 54][..]);
    prop_oneof![
        (index(), kind, any::<bool>()).prop_map(|(level, kind, critical)| Extension {
            level,
            kind,
            critical
        }),
        index().prop_map(|level| ExtensionsReversed { level }),
        (index(), index()).prop_map(|(level, which)| ExtensionLeftOut { level, which }),
        (index(), index()).prop_map(|(level, which)| ExtensionTwice { level, which }),
        (index(), prop::option::of(0..5_u8)).prop_map(|(level, length)| PathLength { level, length }),
        (index(), 128..300_u16).prop_map(|(level, length)| LongPathLength { level, length }),
        (index(), any::<bool>()).prop_map(|(level, is_one)| Authority { level, is_one }),
        (index(), 1..=255_u8).prop_map(|(level, bits)| KeyUsage { level, bits }),
        (index(), vec(any::<u8>(), 0..24)).prop_map(|(level, number)| Serial { level, number }),
        index().prop_map(|level| Renamed { level }),
        (index(), 0..60_u8).prop_map(|(level, last)| Validity { level, last }),
        (index(), index()).prop_map(|(one, other)| CertificatesSwapped { one, other }),
        index().prop_map(|which| CertificateLeftOut { which }),
        index().prop_map(|which| CertificateTwice { which }),
        (index(), index()).prop_map(|(one, other)| FieldsSwapped { one, other }),
        index().prop_map(|which| FieldLeftOut { which }),
        index().prop_map(|which| FieldTwice { which }),
        index().prop_map(|which| FieldNull { which }),
        Just(DefiniteMap),
        Just(LongHead),
        (3..=32_u8).prop_map(|count| Registers { count }),
        (0..400_u16).prop_map(|seconds_ago| Timestamp { seconds_ago }),
        (15..21_u8).prop_map(|number| Tag { number }),
        Just(IndefiniteMessage),
        Just(IndefiniteHeader),
    ]
}

/// A document with all of these, and the root of its chain.
fn mutated(mutations: &[Mutation]) -> (Vec<u8>, Forge) {
    let mut chain = Chain::new();
    mutations.iter().for_each(|mutation| change_chain(&mut chain, mutation));
    let mut forge = Forge::of(chain);
    let mut bundle = forge.certificates[..LEAF].to_vec();
    mutations.iter().for_each(|mutation| change_bundle(&mut bundle, mutation));
    forge.set("cabundle", array(&bundle));
    mutations.iter().for_each(|mutation| change_fields(&mut forge, mutation));
    let has = |wanted: fn(&Mutation) -> bool| mutations.iter().any(wanted);
    let payload = match has(|it| matches!(it, Mutation::DefiniteMap)) {
        true => definite(&forge),
        false => forge.payload(),
    };
    let header: &[u8] = match has(|it| matches!(it, Mutation::IndefiniteHeader)) {
        true => &[0xbf, 0xff],
        false => &[0xa0],
    };
    let signature = signature(&payload, forge.chain.leaf_key());
    let mut document = cose(&bytes(PROTECTED), header, &bytes(&payload), &bytes(&signature));
    mutations.iter().for_each(|mutation| change_message(&mut document, mutation));
    (document, forge)
}

fn change_chain(chain: &mut Chain, mutation: &Mutation) {
    use Mutation::*;
    let certificates = &mut chain.certificates;
    match mutation {
        Extension { level, kind, critical } => {
            let more = extension(&[0x55, 0x1d, *kind], *critical, &[SEQUENCE, 0]);
            level.get_mut(certificates).extensions.push(more);
        }
        ExtensionsReversed { level } => level.get_mut(certificates).extensions.reverse(),
        ExtensionLeftOut { level, which } => {
            let extensions = &mut level.get_mut(certificates).extensions;
            if !extensions.is_empty() {
                extensions.remove(which.index(extensions.len()));
            }
        }
        ExtensionTwice { level, which } => {
            let extensions = &mut level.get_mut(certificates).extensions;
            if !extensions.is_empty() {
                extensions.push(which.get(extensions).clone());
            }
        }
        PathLength { level, length } => put(level.get_mut(certificates), authority(*length)),
        LongPathLength { level, length } => {
            // From 128 to 299, two bytes are the shortest form.
            let number = length.to_be_bytes();
            let value = der(SEQUENCE, &[&der(BOOLEAN, &[&[0xff]]), &der(INTEGER, &[&number])]);
            put(level.get_mut(certificates), extension(BASIC_CONSTRAINTS, true, &value));
        }
        Authority { level, is_one: true } => put(level.get_mut(certificates), authority(None)),
        Authority { level, is_one: false } => put(level.get_mut(certificates), no_authority()),
        KeyUsage { level, bits } => {
            let unused = u8::try_from(bits.trailing_zeros()).unwrap();
            put(level.get_mut(certificates), key_usage(&[BIT_STRING, 2, unused, *bits]));
        }
        Serial { level, number } => level.get_mut(certificates).serial = der(INTEGER, &[number]),
        Renamed { level } => {
            let place = level.index(certificates.len());
            certificates[place].subject = name("renamed");
            if let Some(below) = certificates.get_mut(place + 1) {
                below.issuer = name("renamed");
            }
        }
        Validity { level, last } => {
            let times = [utc_time("261124030000Z"), utc_time(&format!("2611240347{last:02}Z"))];
            level.get_mut(certificates).validity = der(SEQUENCE, &[&times.concat()]);
        }
        _ => {}
    }
}

/// In the place of the extension of its kind, or at the end.
fn put(certificate: &mut Certificate, extension: Vec<u8>) {
    let kind = extension[2..7].to_vec();
    match certificate.extensions.iter_mut().find(|known| known[2..7] == kind) {
        Some(place) => *place = extension,
        None => certificate.extensions.push(extension),
    }
}

fn change_bundle(bundle: &mut Vec<Vec<u8>>, mutation: &Mutation) {
    match mutation {
        Mutation::CertificatesSwapped { one, other } => {
            let (one, other) = (one.index(bundle.len()), other.index(bundle.len()));
            bundle.swap(one, other);
        }
        Mutation::CertificateLeftOut { which } if bundle.len() > 1 => {
            bundle.remove(which.index(bundle.len()));
        }
        Mutation::CertificateTwice { which } => {
            let place = which.index(bundle.len());
            bundle.insert(place, bundle[place].clone());
        }
        _ => {}
    }
}

fn change_fields(forge: &mut Forge, mutation: &Mutation) {
    use Mutation::*;
    let count = forge.fields.len();
    match mutation {
        FieldsSwapped { one, other } => forge.fields.swap(one.index(count), other.index(count)),
        FieldLeftOut { which } => _ = forge.fields.remove(which.index(count)),
        FieldTwice { which } => forge.fields.push(which.get(&forge.fields).clone()),
        FieldNull { which } => which.get_mut(&mut forge.fields).1 = null(),
        LongHead => {
            if let Some((_, value)) = forge.fields.iter_mut().find(|(name, _)| *name == "nonce") {
                *value = [&[0x59, 0, 32], &value[value.len().saturating_sub(32)..]].concat();
            }
        }
        Registers { count } => {
            let registers: Vec<_> = (0..*count).map(|index| (index, [index + 1; 48])).collect();
            if let Some((_, value)) = forge.fields.iter_mut().find(|(name, _)| *name == "pcrs") {
                *value = pcrs(&registers);
            }
        }
        Timestamp { seconds_ago } => {
            let made = NOW.as_millis() - u64::from(*seconds_ago) * 1000;
            if let Some((_, value)) = forge.fields.iter_mut().find(|(name, _)| *name == "timestamp") {
                *value = uint(made);
            }
        }
        _ => {}
    }
}

fn definite(forge: &Forge) -> Vec<u8> {
    let payload = forge.payload();
    let head = 0xa0 | u8::try_from(forge.fields.len()).unwrap();
    [&[head], &payload[1..payload.len() - 1]].concat()
}

fn change_message(document: &mut Vec<u8>, mutation: &Mutation) {
    match mutation {
        Mutation::Tag { number } => document.insert(0, 0xc0 | number),
        Mutation::IndefiniteMessage => {
            if document[0] == 0x84 {
                document[0] = 0x9f;
                document.push(0xff);
            }
        }
        _ => {}
    }
}

#[test]
fn of_own_documents_nothing_is_accepted_that_others_refuse() {
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner
        .run(&vec(mutation(), 1..4), |mutations| {
            let (document, forge) = mutated(&mutations);
            // The second opinion is asked in here, of what is accepted.
            let counted = match Verifier::of(&forge).judge(&document) {
                Ok(_) => &accepted,
                Err(_) => &refused,
            };
            counted.set(counted.get() + 1);
            Ok(())
        })
        .unwrap();
    println!("{} accepted, {} refused", accepted.get(), refused.get());
    assert_eq!(accepted.get() + refused.get(), 300);
    assert!(accepted.get() >= 50 && refused.get() >= 50, "{accepted:?} {refused:?}");
}

/// What can be written in another way without the keys of AWS.
fn rewritten(document: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let rest = &document[1..];
    let header = [&document[..6], &[0xbf, 0xff], &document[7..]].concat();
    vec![
        ("tagged", [&[0xd2], document].concat()),
        ("indefinite array", [&[0x9f], rest, &[0xff]].concat()),
        ("indefinite header", header),
        ("another tag", [&[0xd1], document].concat()),
        ("long tag", [&[0xd8, 18], document].concat()),
        ("long array head", [&[0x98, 4], rest].concat()),
        ("long protected head", [&document[..1], &[0x58, 4], &document[2..]].concat()),
        ("a fifth item", [&[0x85], rest, &[0xf6]].concat()),
        ("a header", [&document[..6], &[0xa1, 1, 0x38, 0x22], &document[7..]].concat()),
        ("an item twice", [&[0x85], &document[1..6], &document[1..]].concat()),
        ("a byte more", [document, &[0]].concat()),
    ]
}

#[test]
fn of_real_documents_nothing_is_accepted_that_others_refuse() {
    let judge = |sample: &Sample, bytes: &[u8]| -> Result<(), Error> {
        let other = Sample { file: sample.file.clone(), bytes: bytes.to_vec(), facts: sample.facts.clone() };
        other.verify(&TrustRoots::aws(), sample.made(), None).map(drop)
    };
    let (mut genuine, mut accepted, mut refused) = (0, 0, 0);
    for sample in samples().iter().filter(|sample| judge(sample, &sample.bytes).is_ok()) {
        genuine += 1;
        let root = first_of_cabundle(&sample.bytes);
        for (way, bytes) in rewritten(&sample.bytes) {
            match judge(sample, &bytes) {
                Ok(()) => {
                    accepted += 1;
                    let opinion = second_opinion::of(&bytes, &root, sample.made());
                    assert_eq!(opinion, Ok(()), "{}: {way}", sample.file);
                }
                Err(_) => refused += 1,
            }
        }
    }
    println!("{genuine} genuine documents: {accepted} rewritten ones accepted, {refused} refused");
    assert_eq!((accepted, refused), (3 * genuine, 8 * genuine));
}
