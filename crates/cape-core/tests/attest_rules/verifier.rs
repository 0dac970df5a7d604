use std::collections::BTreeMap;

use cape_core::UnixTime;
use cape_core::attest::{
    ChainCache, ChainDefect, Document, Error, Expectation, ExpectedNonce, FormDefect, Freshness, Policy,
    Purpose, Release, TrustRoots, VerifiedAttestation,
};

use crate::document::{Forge, NONCE, NOW, VAULT};
use crate::second_opinion;

/// Who judges a document, and by what.
pub(crate) struct Verifier {
    pub(crate) root: Vec<u8>,
    pub(crate) policy: Policy,
    pub(crate) expectation: Expectation<'static>,
    pub(crate) now: UnixTime,
}

impl Verifier {
    /// One that accepts what is in order of this chain.
    pub(crate) fn of(forge: &Forge) -> Self {
        Self {
            root: forge.certificates[0].clone(),
            policy: policy(&[(0, [1; 48]), (1, [2; 48]), (2, [3; 48])]),
            expectation: Expectation {
                nonce: ExpectedNonce::Exactly(NONCE),
                purpose: Purpose::Session,
                freshness: Freshness::default(),
            },
            now: NOW,
        }
    }

    pub(crate) fn judge(&self, document: &[u8]) -> Result<VerifiedAttestation, Error> {
        self.judge_with(document, None)
    }

    /// What is accepted here is accepted by others too, or the test fails.
    pub(crate) fn judge_with(
        &self,
        document: &[u8],
        cache: Option<&ChainCache>,
    ) -> Result<VerifiedAttestation, Error> {
        let roots = TrustRoots::development(vec![self.root.clone()]).unwrap();
        let verified =
            Document::parse(document)?.verify(&roots, &self.policy, &self.expectation, self.now, cache)?;
        let judged_at = match self.expectation.freshness {
            Freshness::Recent { .. } => self.now,
            Freshness::OwnTime { .. } => verified.timestamp(),
        };
        assert_eq!(second_opinion::of(document, &self.root, judged_at), Ok(()));
        Ok(verified)
    }
}

/// What the default verifier says of a document of the default chain.
pub(crate) fn judge(document: &[u8], forge: &Forge) -> Result<VerifiedAttestation, Error> {
    Verifier::of(forge).judge(document)
}

/// A policy of one release with these pins and [`VAULT`].
pub(crate) fn policy(pcrs: &[(u8, [u8; 48])]) -> Policy {
    Policy::new(vec![release("pinned", pcrs)]).unwrap()
}

pub(crate) fn release(name: &str, pcrs: &[(u8, [u8; 48])]) -> Release {
    let pcrs: BTreeMap<_, _> = pcrs.iter().copied().collect();
    Release { name: name.to_owned(), pcrs, vault: Some(VAULT), not_after: None }
}

/// The certificate at fault and what is wrong with it.
#[track_caller]
pub(crate) fn chain_defect(verdict: Result<VerifiedAttestation, Error>) -> (usize, ChainDefect) {
    match verdict {
        Err(Error::ChainInvalid { certificate, defect, .. }) => (certificate, defect),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn form_defect(verdict: Result<VerifiedAttestation, Error>) -> FormDefect {
    match verdict {
        Err(Error::DocumentMalformed(defect)) => defect,
        other => panic!("{other:?}"),
    }
}
