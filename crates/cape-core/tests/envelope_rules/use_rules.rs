use cape_core::encoding::hex;
use cape_core::envelope::{Context, Error, Opened, SealOptions, open_text_with, seal_text};
use cape_core::{ErrorCode, UnixTime};

use super::forge::{Forge, PLAINTEXT, key, rng, to_text};

const NOW: UnixTime = UnixTime::from_seconds(1_795_492_056);

/// What an enclave does with an input for the function with checksum `[1; 32]`.
fn taken(text: &str) -> Result<Opened, Error> {
    open_text_with(text.as_bytes(), &[&key(1)], |context| context.use_rules()?.check(&[1; 32], NOW))
}

fn sealed(pairs: &[(&str, &str)]) -> String {
    let context = Context::new(pairs.iter().copied()).unwrap();
    let options = SealOptions::default();
    seal_text(PLAINTEXT, &[key(1).public_key()], &context, b"", options, &mut rng()).unwrap()
}

fn forged(context: &[u8]) -> Vec<u8> {
    Forge::with(|forge| forge.context = context.to_vec())
}

#[test]
fn kept() {
    let functions = hex::encode(&[1; 32]);
    let text = sealed(&[("cape.functions", &functions), ("cape.not_after", "2027-01-01T00:00:00Z")]);
    assert_eq!(taken(&text).unwrap().plaintext, PLAINTEXT);
}

#[test]
fn broken() {
    let functions = hex::encode(&[2; 32]);
    let forbidden = taken(&sealed(&[("cape.functions", &functions)])).err().unwrap();
    assert_eq!(forbidden, Error::UseForbidden { functions: 1 });
    let expired = taken(&sealed(&[("cape.not_after", "2026-01-01T00:00:00Z")])).err().unwrap();
    assert!(matches!(expired, Error::UseExpired { .. }));
    assert_eq!([forbidden.code(), expired.code()], [ErrorCode::UseForbidden; 2]);
}

#[test]
fn not_understood() {
    let unknown = taken(&to_text(&forged(b"\0\x0a\0\x01cape.rulesx"))).err().unwrap();
    assert_eq!(unknown, Error::UseRuleUnknown { key: "cape.rules".into() });
    let malformed = taken(&to_text(&forged(b"\0\x0e\0\x01cape.functionsx"))).err().unwrap();
    assert_eq!(malformed, Error::UseRuleMalformed { key: "cape.functions" });
    assert_eq!([unknown.code(), malformed.code()], [ErrorCode::UseForbidden; 2]);
}

#[test]
fn judged_before_the_payload_is_opened() {
    let mut sealed = forged(b"\0\x0a\0\x01cape.rulesx");
    *sealed.last_mut().unwrap() ^= 1;
    assert!(matches!(taken(&to_text(&sealed)), Err(Error::UseRuleUnknown { .. })));
}

#[test]
fn not_judged_before_they_are_authentic() {
    let mut sealed = forged(b"\0\x01\0\x01ax");
    sealed[16 + 5] ^= 1;
    let opened = open_text_with(to_text(&sealed).as_bytes(), &[&key(1)], |_| panic!("not authentic"));
    assert_eq!(opened.err(), Some(Error::DecryptFailed));
}

#[test]
fn what_was_sealed_with_external_data_does_not_open_in_an_enclave() {
    let options = SealOptions::default();
    let text =
        seal_text(b"x", &[key(1).public_key()], &Context::empty(), b"aad", options, &mut rng()).unwrap();
    assert_eq!(taken(&text).err(), Some(Error::DecryptFailed));
}
