use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cape_core::UnixTime;
use cape_core::crypto::{Sha256, sha256};
use cape_core::identity::Checksum;
use cape_core::receipt::{NotSigned, Outcome, Statement};
use cape_core::session::Salts;
use tokio::time::Instant;

use super::CallError;
use super::input_stream::StreamDigests;
use crate::runtime::Runtime;

/// What a call's receipt will say, once its handler has begun, if one was asked for. Whoever ends the call asks for the
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
    pub(super) input: InputDigests,
    pub(super) salts: CallSalts,
    pub(super) started: UnixTime,
    pub(super) began: Instant,
    pub(super) call_nonce: [u8; 32],
    pub(super) session: [u8; 32],
    pub(super) document_sha384: [u8; 48],
}

/// What a receipt says of a run's input.
pub(super) enum InputDigests {
    /// Of one that was there before the handler began.
    Whole {
        /// SHA-256(salt || what the handler is given).
        given: [u8; 32],
        /// SHA-256 of the input as sent, when that was a ciphertext.
        ciphertext: Option<[u8; 32]>,
    },
    /// Of one that comes while it runs.
    Stream(StreamDigests),
}

/// The salts of a call's digests.
#[derive(Clone, Copy)]
pub(super) struct CallSalts {
    pub(super) input: [u8; 32],
    pub(super) output: [u8; 32],
}

/// A receipt, and what goes to the caller beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) receipt: Vec<u8>,
    pub(crate) salts: Salts,
    /// SPKI in DER.
    pub(crate) key: Vec<u8>,
    /// Bytes of the input that it is about, when that is not all.
    pub(crate) input_taken: Option<u64>,
}

/// The salted digest of an output that goes to its caller bit by bit.
pub(super) struct OutputDigest {
    hash: Sha256,
}

impl RunRecord {
    /// The handler begins.
    pub(super) fn begin(&self, begun: Begun) {
        *self.state() = State::Begun(Box::new(begun));
    }

    /// Takes note of some of the input, when that is a stream whose handler runs.
    pub(super) fn digest_input(&self, update: impl FnOnce(&mut StreamDigests)) {
        if let State::Begun(begun) = &mut *self.state()
            && let InputDigests::Stream(digests) = &mut begun.input
        {
            update(digests);
        }
    }

    /// The receipt of a run that succeeded.
    pub(super) fn succeeded(&self, output: OutputDigest) -> Result<Proof, CallError> {
        match self.sign(Outcome::Succeeded { output_digest: output.hash.finish() }) {
            Some(Ok(proof)) => Ok(proof),
            Some(Err(NotSigned)) | None => Err(CallError::service("the run's receipt could not be signed")),
        }
    }

    /// The error with the receipt of the run that it ended, if it ended one.
    pub(crate) fn failed(&self, error: CallError) -> CallError {
        let outcome = Outcome::Failed { error: error.class().name().to_owned() };
        match self.sign(outcome) {
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

    fn sign(&self, outcome: Outcome) -> Option<Result<Proof, NotSigned>> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Signed) {
            State::Begun(begun) => Some(begun.sign(outcome)),
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
    fn sign(self, outcome: Outcome) -> Result<Proof, NotSigned> {
        let succeeded = matches!(outcome, Outcome::Succeeded { .. });
        let (input_digest, ciphertext_digest, input_taken) = match self.input {
            InputDigests::Whole { given, ciphertext } => (given, ciphertext, None),
            InputDigests::Stream(digests) => digests.finish(),
        };
        let duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let receipt = self.runtime.receipts.issue(|sequence| Statement {
            function: self.function,
            input_digest,
            ciphertext_digest,
            outcome,
            started: self.started,
            duration_us,
            call_nonce: Some(self.call_nonce),
            sequence,
            session: self.session,
            document_sha384: self.document_sha384,
        })?;
        let CallSalts { input, output } = self.salts;
        let salts = Salts { input, output: succeeded.then_some(output) };
        Ok(Proof { receipt, salts, key: self.runtime.receipts.key().to_vec(), input_taken })
    }
}

impl OutputDigest {
    pub(super) fn new(salt: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(salt);
        Self { hash }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }
}

/// SHA-256(salt || data).
pub(super) fn salted(salt: &[u8; 32], data: &[u8]) -> [u8; 32] {
    sha256(&[salt, data])
}
