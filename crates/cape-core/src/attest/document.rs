use std::collections::BTreeMap;

use super::chain::Chain;
use super::chain_cache::ChainCache;
use super::error::Error;
use super::expectation::Expectation;
use super::form_defect::FormDefect;
use super::payload::{Payload, Pcr};
use super::policy::Policy;
use super::release::Evidence;
use super::roots::TrustRoots;
use super::verified::VerifiedAttestation;
use crate::UnixTime;
use crate::cose::{Rules, Sign1};
use crate::encoding::cbor::Form;

/// Checks 1 and 2. Genuine documents have 4 to 6 KiB; the NSM leaves the tag out.
const RULES: Rules = Rules {
    form: Form::Attestation,
    may_be_tagged: true,
    max_bytes: 32 * 1024,
    payload_bytes: 1..=16 * 1024,
};

/// An attestation document of the right form (checks 1 to 3), none of whose claims is believed yet:
/// they are reached through [`verify`](Self::verify), or through [`inspect`](Self::inspect), whose
/// result says that nothing was verified.
pub struct Document<'a> {
    bytes: &'a [u8],
    message: Sign1<'a>,
    payload: Payload<'a>,
}

impl<'a> Document<'a> {
    /// Checks 1 to 3: size, CBOR, COSE, and the payload's fields.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let message = Sign1::parse(bytes, &RULES).map_err(|defect| FormDefect::of_message(defect, &RULES))?;
        let payload = Payload::parse(message.payload).map_err(Error::DocumentMalformed)?;
        Ok(Self { bytes, message, payload })
    }

    /// Checks 4 to 8, in the order of `docs/spec/attestation.md`, at the time `now`.
    ///
    /// With a `cache`, the signatures of certificates that it remembers are not verified again;
    /// everything else is judged each time.
    pub fn verify(
        &self,
        roots: &TrustRoots,
        policy: &Policy,
        expectation: &Expectation<'_>,
        now: UnixTime,
        cache: Option<&ChainCache>,
    ) -> Result<VerifiedAttestation, Error> {
        let payload = &self.payload;
        let judged_at = expectation.freshness.judged_at(payload.timestamp, now);
        let cache = cache.filter(|_| expectation.freshness.judges_at_now());
        let chain = Chain::verify(&payload.certificates, roots, judged_at, cache)?;
        if !self.message.is_signed_by(chain.leaf.public_key, &[]) {
            return Err(Error::SignatureInvalid);
        }
        expectation.freshness.check(payload.timestamp, chain.validity(), now)?;
        expectation.nonce.check(payload.nonce)?;
        let user_data = expectation
            .purpose
            .check(payload)
            .map_err(|defect| Error::DocumentMalformed(FormDefect::Purpose(defect)))?;
        check_debug_mode(payload)?;
        let release = policy.judge(&Evidence {
            pcrs: &payload.pcrs,
            vault: user_data.as_ref().map(|data| data.vault()),
            needs_vault: expectation.purpose.needs_vault(),
            judged_at,
        })?;
        Ok(VerifiedAttestation::new(self.bytes, payload, &chain, user_data, release, expectation.nonce))
    }

    /// What the document claims, for people to look at.
    pub fn inspect(&self) -> Unverified {
        let payload = &self.payload;
        Unverified {
            module_id: payload.module_id.to_owned(),
            timestamp: payload.timestamp,
            pcrs: payload.pcrs.iter().map(|(index, value)| (index, *value)).collect(),
            public_key: payload.public_key.map(<[u8]>::to_vec),
            user_data: payload.user_data.map(<[u8]>::to_vec),
            nonce: payload.nonce.map(<[u8]>::to_vec),
            leaf: payload.certificates.leaf.to_vec(),
        }
    }
}

/// Check 7, last part: PCR0, PCR1 or PCR2 is zero in enclaves whose host can read what they do. A
/// register that the document leaves out counts as zero.
fn check_debug_mode(payload: &Payload<'_>) -> Result<(), Error> {
    let is_zero = |index: &u8| payload.pcrs.get(*index).is_none_or(|value| *value == [0; 48]);
    match (0..=2).find(is_zero) {
        Some(index) => Err(Error::DebugModeEnclave { index }),
        None => Ok(()),
    }
}

/// What a document claims. Nothing of it was verified: anybody could have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// Who claims to have signed: instance and enclave.
    pub module_id: String,
    /// When it claims to have been made.
    pub timestamp: UnixTime,
    /// The measurements it claims, by index.
    pub pcrs: BTreeMap<u8, Pcr>,
    /// The public key in it, if it has one.
    pub public_key: Option<Vec<u8>>,
    /// The user data in it, if it has some.
    pub user_data: Option<Vec<u8>>,
    /// The nonce in it, if it has one.
    pub nonce: Option<Vec<u8>>,
    /// The certificate it claims to be signed with, in DER.
    pub leaf: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use base64_simd::STANDARD;
    use serde_json::Value;

    use super::super::expectation::ExpectedNonce;
    use super::*;
    use crate::ecdsa::count;

    /// Verifies a file of `tests/vectors/attestation/` that has no defect, and counts the signatures
    /// that it took.
    fn cost(name: &str, cache: Option<&ChainCache>) -> usize {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/attestation");
        let facts: Value =
            serde_json::from_slice(&std::fs::read(format!("{folder}/{name}.json")).unwrap()).unwrap();
        let bytes = |fact: &str| STANDARD.decode_to_vec(facts[fact].as_str().unwrap()).unwrap();
        let roots = TrustRoots::development(vec![bytes("trust_root")]).unwrap();
        let policy = Policy::from_toml(facts["policy"].as_str().unwrap()).unwrap();
        let now = UnixTime::from_millis(facts["now_ms"].as_u64().unwrap());
        let document = bytes("document");
        let document = Document::parse(&document).unwrap();
        let expectation = Expectation::any(ExpectedNonce::Unchecked);
        let (verdict, verifications) =
            count::during(|| document.verify(&roots, &policy, &expectation, now, cache));
        assert!(verdict.is_ok(), "{name}: {verdict:?}");
        verifications
    }

    #[test]
    fn a_document_costs_five_signatures_and_with_a_cache_one_or_two() {
        let cache = ChainCache::new();
        assert_eq!(cost("chain_in_order", None), 5);
        assert_eq!(cost("chain_in_order", Some(&cache)), 5);
        assert_eq!(cost("chain_in_order", Some(&cache)), 1, "the document's own");
        assert_eq!(cost("key_x_short", Some(&cache)), 2, "another leaf below the same chain");
        assert_eq!(cost("key_x_short", Some(&cache)), 1);
        assert_eq!(cost("chain_in_order", None), 5, "nothing is remembered without one");
    }
}
