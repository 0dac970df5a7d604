use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cape_core::UnixTime;
use cape_core::crypto::{Sha256, sha256};
use cape_core::identity::Checksum;
use cape_core::receipt::{Outcome, Statement};
use cape_core::session::Salts;
use tokio::time::Instant;

use super::CallError;
use crate::receipts::NotSigned;
use crate::runtime::Runtime;

/// What a call's receipt will say, once its handler has begun. Whoever ends the call asks for the
/// receipt, be it the call itself, its deadline or its caller who cancels it: there is one at most.
#[derive(Clone, Default)]
pub(crate) struct RunRecord(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    #[default]
    NotBegun,
    Begun(Box<Begun>),
    Signed,
}

/// What is known of a run when its handler begins.
pub(super) struct Begun {
    pub(super) runtime: Arc<Runtime>,
    pub(super) function: Checksum,
    /// SHA-256(salt || what the handler is given).
    pub(super) input_digest: [u8; 32],
    pub(super) input_salt: [u8; 32],
    /// SHA-256 of the input as sent, when that was a ciphertext.
    pub(super) ciphertext_digest: Option<[u8; 32]>,
    pub(super) started: UnixTime,
    pub(super) began: Instant,
    pub(super) call_nonce: Option<[u8; 32]>,
    pub(super) session: [u8; 32],
    pub(super) document_sha384: [u8; 48],
}

/// A receipt, and what goes to the caller beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) receipt: Vec<u8>,
    pub(crate) salts: Salts,
    /// SPKI in DER.
    pub(crate) key: Vec<u8>,
}

/// The salted digest of an output that goes to its caller bit by bit.
pub(super) struct OutputDigest {
    salt: [u8; 32],
    hash: Sha256,
}

impl RunRecord {
    /// The handler begins.
    pub(super) fn begin(&self, begun: Begun) {
        *self.state() = State::Begun(Box::new(begun));
    }

    /// The receipt of a run that succeeded.
    pub(super) fn succeeded(&self, output: OutputDigest) -> Result<Proof, CallError> {
        let OutputDigest { salt, hash } = output;
        let outcome = Outcome::Succeeded { output_digest: hash.finish() };
        match self.sign(outcome, Some(salt)) {
            Some(Ok(proof)) => Ok(proof),
            Some(Err(NotSigned)) | None => Err(CallError::service("the run's receipt could not be signed")),
        }
    }

    /// The error with the receipt of the run that it ended, if it ended one.
    pub(crate) fn failed(&self, error: CallError) -> CallError {
        let outcome = Outcome::Failed { error: error.class().name().to_owned() };
        match self.sign(outcome, None) {
            Some(Ok(proof)) => error.with_proof(proof),
            Some(Err(NotSigned)) => {
                tracing::error!("the receipt of a run that failed could not be signed");
                error
            }
            None => error,
        }
    }

    /// Whether the receipt was asked for: what comes of the call is on its way.
    pub(crate) fn is_signed(&self) -> bool {
        matches!(*self.state(), State::Signed)
    }

    fn sign(&self, outcome: Outcome, output_salt: Option<[u8; 32]>) -> Option<Result<Proof, NotSigned>> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Signed) {
            State::Begun(begun) => Some(begun.sign(outcome, output_salt)),
            other => {
                *state = other;
                None
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun {
    fn sign(self, outcome: Outcome, output_salt: Option<[u8; 32]>) -> Result<Proof, NotSigned> {
        let duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let receipt = self.runtime.receipts.issue(|sequence| Statement {
            function: self.function,
            input_digest: self.input_digest,
            ciphertext_digest: self.ciphertext_digest,
            outcome,
            started: self.started,
            duration_us,
            call_nonce: self.call_nonce,
            sequence,
            session: self.session,
            document_sha384: self.document_sha384,
        })?;
        let salts = Salts { input: self.input_salt, output: output_salt };
        Ok(Proof { receipt, salts, key: self.runtime.receipts.key().to_vec() })
    }
}

impl OutputDigest {
    pub(super) fn new(salt: [u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(&salt);
        Self { salt, hash }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }
}

/// SHA-256(salt || data).
pub(super) fn salted(salt: &[u8; 32], data: &[u8]) -> [u8; 32] {
    sha256(&[salt, data])
}
