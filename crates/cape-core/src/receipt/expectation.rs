use super::error::Error;
use super::statement::{Outcome, Statement};
use crate::crypto::{constant_time_eq, sha256};
use crate::envelope::TEXT_MARK;
use crate::identity::Checksum;
use crate::session::Salts;

/// What a verifier asks of a receipt besides that it is genuine. What is `None` is not asked.
#[derive(Clone, Copy, Default)]
pub struct Expectation<'a> {
    /// The function that ran.
    pub function: Option<Checksum>,
    /// The leaf of the session that the call was made in.
    pub session: Option<[u8; 32]>,
    /// What the caller named the call by.
    pub call_nonce: Option<[u8; 32]>,
    /// The number of the last receipt of this key that was seen before the call was made.
    pub after: Option<u64>,
    /// The input.
    pub input: Option<ExpectedInput<'a>>,
    /// What came of it.
    pub outcome: Option<ExpectedOutcome<'a>>,
    /// The salts, without which no digest of data can be compared but that of a ciphertext.
    pub salts: Option<Salts>,
}

/// The input of a run.
#[derive(Clone, Copy)]
pub enum ExpectedInput<'a> {
    /// The bytes that the handler was given, in whatever form they were sent.
    Given(&'a [u8]),
    /// The bytes that were sent: when they are no ciphertext, the handler was given the same.
    Sent(&'a [u8]),
    /// SHA-256 of a ciphertext that was sent.
    SentDigest([u8; 32]),
    /// SHA-256(salt || the bytes that were sent), which were no ciphertext.
    GivenDigest([u8; 32]),
}

/// What came of a run.
#[derive(Clone, Copy)]
pub enum ExpectedOutcome<'a> {
    /// This output.
    Output(&'a [u8]),
    /// The output of which this is SHA-256(salt || output).
    OutputDigest([u8; 32]),
    /// An error of the class of this name.
    Error(&'a str),
}

impl<'a> ExpectedInput<'a> {
    /// What was sent, for whoever has the ciphertext, or what the handler was given, for whoever has
    /// the data itself.
    pub fn sent_or_given(input: &'a [u8]) -> Self {
        if input.starts_with(TEXT_MARK) { Self::Sent(input) } else { Self::Given(input) }
    }
}

impl Expectation<'_> {
    /// Check 8.
    pub(super) fn check(&self, statement: &Statement) -> Result<(), Error> {
        if let Some(expected) = self.session
            && expected != statement.session
        {
            return Err(Error::SessionMismatch { expected, actual: statement.session });
        }
        if let Some(expected) = self.function
            && expected != statement.function
        {
            return Err(Error::FunctionMismatch { expected, actual: statement.function });
        }
        self.check_call(statement)?;
        self.check_outcome(statement)?;
        match self.input {
            None => Ok(()),
            Some(ExpectedInput::Given(input)) => self.check_given(statement, input),
            Some(ExpectedInput::Sent(input)) if input.starts_with(TEXT_MARK) => {
                check_sent(statement, sha256(&[input]))
            }
            Some(ExpectedInput::SentDigest(digest)) => check_sent(statement, digest),
            Some(ExpectedInput::Sent(_) | ExpectedInput::GivenDigest(_))
                if statement.ciphertext_digest.is_some() =>
            {
                Err(Error::CiphertextMismatch)
            }
            Some(ExpectedInput::Sent(input)) => self.check_given(statement, input),
            Some(ExpectedInput::GivenDigest(digest)) if digest == statement.input_digest => Ok(()),
            Some(ExpectedInput::GivenDigest(_)) => Err(Error::InputMismatch),
        }
    }

    /// An old result is not passed off as new: only the enclave that was sent the nonce can have signed
    /// it, and only after it was sent.
    fn check_call(&self, statement: &Statement) -> Result<(), Error> {
        if let Some(expected) = &self.call_nonce
            && !statement.call_nonce.is_some_and(|actual| constant_time_eq(&actual, expected))
        {
            return Err(Error::CallNonceMismatch);
        }
        match self.after {
            Some(after) if statement.sequence.get() <= after => {
                Err(Error::SequenceRepeated { after, actual: statement.sequence.get() })
            }
            _ => Ok(()),
        }
    }

    fn check_outcome(&self, statement: &Statement) -> Result<(), Error> {
        let wrong = |expected: &str| Error::OutcomeMismatch {
            expected: expected.to_owned(),
            actual: statement.outcome.name().to_owned(),
        };
        match (self.outcome, &statement.outcome) {
            (None, _) => Ok(()),
            (Some(ExpectedOutcome::Error(expected)), Outcome::Failed { error }) if expected == error => {
                Ok(())
            }
            (Some(ExpectedOutcome::Error(expected)), _) => Err(wrong(expected)),
            (Some(ExpectedOutcome::Output(_) | ExpectedOutcome::OutputDigest(_)), Outcome::Failed { .. }) => {
                Err(wrong("success"))
            }
            (Some(ExpectedOutcome::OutputDigest(expected)), Outcome::Succeeded { output_digest }) => {
                if expected == *output_digest {
                    Ok(())
                } else {
                    Err(Error::OutputMismatch)
                }
            }
            (Some(ExpectedOutcome::Output(output)), Outcome::Succeeded { output_digest }) => {
                let salt = self.salts.and_then(|salts| salts.output).ok_or(Error::SaltMissing("output"))?;
                if sha256(&[&salt, output]) == *output_digest { Ok(()) } else { Err(Error::OutputMismatch) }
            }
        }
    }

    fn check_given(&self, statement: &Statement, input: &[u8]) -> Result<(), Error> {
        let salt = self.salts.ok_or(Error::SaltMissing("input"))?.input;
        if sha256(&[&salt, input]) == statement.input_digest { Ok(()) } else { Err(Error::InputMismatch) }
    }
}

fn check_sent(statement: &Statement, digest: [u8; 32]) -> Result<(), Error> {
    if statement.ciphertext_digest == Some(digest) { Ok(()) } else { Err(Error::CiphertextMismatch) }
}

impl Outcome {
    /// `success`, or the name of the error's class.
    pub fn name(&self) -> &str {
        match self {
            Self::Succeeded { .. } => "success",
            Self::Failed { error } => error,
        }
    }
}
