//! Real documents, signed by AWS or broken in a known way. They are beside the repository, not in
//! it; without them these tests say so and pass.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use cape_core::attest::{
    ChainCache, Document, Error, Expectation, ExpectedNonce, Policy, Release, Trust, TrustRoots,
    VerifiedAttestation,
};
use cape_core::{ErrorCode, UnixTime};
use serde_json::Value;

use crate::second_opinion;

pub(crate) struct Sample {
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) facts: Value,
}

impl Sample {
    pub(crate) fn is(&self, fact: &str) -> bool {
        self.facts[fact].as_bool().unwrap()
    }

    pub(crate) fn made(&self) -> UnixTime {
        UnixTime::from_millis(self.facts["timestamp_ms"].as_u64().unwrap())
    }

    pub(crate) fn verify(
        &self,
        roots: &TrustRoots,
        now: UnixTime,
        cache: Option<&ChainCache>,
    ) -> Result<VerifiedAttestation, Error> {
        let document = Document::parse(&self.bytes)?;
        let claims = document.inspect();
        let mut pcrs: BTreeMap<_, _> = claims.pcrs.into_iter().filter(|(index, _)| *index <= 2).collect();
        if self.is("debug") {
            pcrs.insert(0, [1; 48]);
        }
        let release = Release { name: "its own".into(), pcrs, vault: None, not_after: None };
        let policy = Policy::new(vec![release]).unwrap();
        let nonce = claims.nonce.as_deref().map_or(ExpectedNonce::Unchecked, ExpectedNonce::Exactly);
        document.verify(roots, &policy, &Expectation::any(nonce), now, cache)
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/nitro-docs");
    let Ok(index) = fs::read(folder.join("index.json")) else {
        eprintln!("skipped: there are no documents in {}", folder.display());
        return Vec::new();
    };
    let index: Vec<Value> = serde_json::from_slice(&index).unwrap();
    index
        .into_iter()
        .map(|facts| {
            let file = facts["file"].as_str().unwrap().to_owned();
            Sample { bytes: fs::read(folder.join(&file)).unwrap(), file, facts }
        })
        .collect()
}

#[test]
fn each_is_judged_as_it_deserves_at_its_own_time() {
    for sample in samples() {
        let verdict = sample.verify(&TrustRoots::aws(), sample.made(), None);
        let code = verdict.as_ref().map(|_| ()).map_err(Error::code);
        let expected = if !sample.is("aws_root") {
            Err(ErrorCode::TrustRootMismatch)
        } else if !sample.is("cose_signature_ok") {
            Err(ErrorCode::SignatureInvalid)
        } else if sample.is("debug") {
            Err(ErrorCode::DebugModeEnclave)
        } else {
            Ok(())
        };
        assert_eq!(code, expected, "{}: {verdict:?}", sample.file);
        if let Ok(verified) = verdict {
            assert_eq!(verified.trust(), Trust::Aws);
            assert_eq!(verified.module_id(), sample.facts["module_id"].as_str().unwrap());
            assert_eq!(verified.chain().len(), 5);
            let root = first_of_cabundle(&sample.bytes);
            assert_eq!(second_opinion::of(&sample.bytes, &root, sample.made()), Ok(()), "{}", sample.file);
        }
    }
}

#[test]
fn four_hours_later_their_certificates_have_expired() {
    for sample in samples().iter().filter(|sample| sample.is("aws_root")) {
        let later = sample.made().plus(core::time::Duration::from_secs(4 * 3600));
        let verdict = sample.verify(&TrustRoots::aws(), later, None);
        assert_eq!(verdict.unwrap_err().code(), ErrorCode::CertificateExpired, "{}", sample.file);
    }
}

#[test]
fn a_foreign_root_is_accepted_only_when_named_and_only_with_a_chain_of_the_right_shape() {
    for sample in samples().iter().filter(|sample| !sample.is("aws_root")) {
        let root = first_of_cabundle(&sample.bytes);
        let roots = TrustRoots::development(vec![root]).unwrap();
        match sample.verify(&roots, sample.made(), None) {
            Ok(verified) => assert_eq!(verified.trust(), Trust::Development),
            Err(error) => assert_eq!(error.code(), ErrorCode::ChainInvalid, "{}", sample.file),
        }
    }
}

#[test]
fn a_cache_changes_no_verdict() {
    let cache = ChainCache::new();
    for _ in 0..2 {
        for sample in samples() {
            for hours in [0, 4] {
                let now = sample.made().plus(core::time::Duration::from_secs(hours * 3600));
                let cached = sample.verify(&TrustRoots::aws(), now, Some(&cache));
                assert_eq!(cached, sample.verify(&TrustRoots::aws(), now, None), "{}", sample.file);
            }
        }
    }
}

pub(crate) fn first_of_cabundle(document: &[u8]) -> Vec<u8> {
    use serde_cbor::Value as Cbor;
    let Cbor::Array(parts) = serde_cbor::from_slice(document).unwrap() else { panic!("an array") };
    let Cbor::Bytes(payload) = &parts[2] else { panic!("bytes") };
    let Cbor::Map(fields) = serde_cbor::from_slice(payload).unwrap() else { panic!("a map") };
    let Cbor::Array(bundle) = &fields[&Cbor::Text("cabundle".into())] else { panic!("an array") };
    let Cbor::Bytes(root) = &bundle[0] else { panic!("bytes") };
    root.clone()
}
