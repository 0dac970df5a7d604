//! The files of `tests/vectors/attestation/`: each has one defect, after which it is named, or none
//! and something at its limit.

use core::time::Duration;
use std::fs;
use std::path::Path;

use cape_core::UnixTime;
use cape_core::attest::{
    ChainCache, DEFAULT_MAX_SKEW, Document, Error, Expectation, ExpectedNonce, Freshness, Policy, Purpose,
    TrustRoots, VerifiedAttestation,
};
use cape_core::encoding::hex;
use serde_json::Value;

use crate::second_opinion;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/attestation");

pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) document: Vec<u8>,
    pub(crate) trust_root: Vec<u8>,
    facts: Value,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let facts: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        Self {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            document: from_base64(facts["document"].as_str().unwrap()),
            trust_root: from_base64(facts["trust_root"].as_str().unwrap()),
            facts,
        }
    }

    /// What is tried, by the name that the specification gives it.
    pub(crate) fn check(&self) -> &str {
        self.facts["check"].as_str().unwrap()
    }

    fn millis(&self, fact: &str) -> u64 {
        self.facts[fact].as_u64().unwrap()
    }

    pub(crate) fn judged_at(&self) -> UnixTime {
        UnixTime::from_millis(self.millis("now_ms"))
    }

    /// What the core says of `document` when it is judged as this file tells.
    pub(crate) fn judge(
        &self,
        document: &[u8],
        cache: Option<&ChainCache>,
    ) -> Result<VerifiedAttestation, Error> {
        let nonce = self.facts["nonce"].as_str().map(|nonce| hex::decode(nonce).unwrap());
        let recent = Freshness::Recent {
            max_age: Duration::from_millis(self.millis("max_age_ms")),
            max_skew: DEFAULT_MAX_SKEW,
        };
        let own_time = Freshness::OwnTime { max_skew: DEFAULT_MAX_SKEW };
        let (purpose, freshness) = match self.facts["purpose"].as_str().unwrap() {
            "any" => (Purpose::Any, recent),
            "session" => (Purpose::Session, recent),
            "vault-birth" => (Purpose::VaultBirth, own_time),
            other => panic!("{other}"),
        };
        let nonce = nonce.as_deref().map_or(ExpectedNonce::Unchecked, ExpectedNonce::Exactly);
        let roots = TrustRoots::development(vec![self.trust_root.clone()]).unwrap();
        let policy = Policy::from_toml(self.facts["policy"].as_str().unwrap()).unwrap();
        let expectation = Expectation { nonce, purpose, freshness };
        Document::parse(document)?.verify(&roots, &policy, &expectation, self.judged_at(), cache)
    }
}

pub(crate) fn vectors() -> Vec<Vector> {
    let mut paths: Vec<_> = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| Vector::read(path)).collect()
}

#[test]
fn each_is_judged_as_it_says_whatever_a_cache_holds() {
    let cache = ChainCache::new();
    let (mut accepted, mut refused) = (0, 0);
    for vector in vectors() {
        let name = &vector.name;
        let told = |error: &Error| (error.code().name().to_owned(), error.to_string());
        let text = |fact: &str| vector.facts[fact].as_str().map(str::to_owned);
        let expected = text("error").zip(text("detail"));
        for cache in [None, Some(&cache), Some(&cache)] {
            let verdict = vector.judge(&vector.document, cache);
            assert_eq!(verdict.as_ref().err().map(told), expected, "{name}");
            if let (Ok(verified), None) = (verdict, cache) {
                let judged_at = match verified.timestamp() {
                    made if vector.facts["purpose"] == "vault-birth" => made,
                    _ => vector.judged_at(),
                };
                let opinion = second_opinion::of(&vector.document, &vector.trust_root, judged_at);
                assert_eq!(opinion, Ok(()), "{name}");
            }
        }
        *if expected.is_none() { &mut accepted } else { &mut refused } += 1;
    }
    assert_eq!((accepted, refused), (ACCEPTED, REFUSED));
}

/// Files in the folder: without a defect, and with one.
const ACCEPTED: usize = 70;
const REFUSED: usize = 369;

fn from_base64(text: &str) -> Vec<u8> {
    base64_simd::STANDARD.decode_to_vec(text).unwrap()
}
