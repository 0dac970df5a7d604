use cape_core::UnixTime;
use cape_core::crypto::Sha256;
use cape_core::envelope::TEXT_MARK;
use cape_core::identity::{Manifest, Signed, Vault};

use super::CallError;
use super::run_log::LoggedRun;
use super::run_record::{Begun, InputDigests, RunRecord};
use super::sealed_stream::SealedStream;
use crate::connection::Input;
use crate::worker::{self, Failure};

/// The input of a handler that takes a stream, as it comes: opened when it is a ciphertext, and
/// digested for the receipt, if there is to be one. With its first bytes the handler begins.
pub(super) struct InputStream<'a> {
    pub(super) input: &'a mut Input,
    pub(super) function: &'a Signed<Manifest>,
    pub(super) vault: &'a Vault,
    pub(super) now: UnixTime,
    pub(super) record: &'a RunRecord,
    pub(super) logged: &'a LoggedRun,
    pub(super) form: Form,
    /// What the receipt will say, until the handler begins; of a call that asked for one.
    pub(super) begun: Option<Begun>,
    /// Why the input did not come to its end, when that is not the caller's being gone.
    pub(super) error: Option<CallError>,
}

/// In which form an input comes.
pub(super) enum Form {
    /// So little of it is there that it may be either.
    Unknown(Vec<u8>),
    /// What the handler is given.
    Plain,
    /// A ciphertext.
    Sealed(Box<SealedStream>),
    /// There is no more of it.
    Ended,
}

/// The digests of an input that passes.
pub(super) struct StreamDigests {
    /// Of what the handler is given, behind the salt.
    given: Sha256,
    /// Of a ciphertext as it was sent.
    sent: Option<Sha256>,
    /// Bytes as they were sent.
    taken: u64,
    ended: bool,
}

impl worker::Input for InputStream<'_> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.advance().await.map_err(|error| {
            self.error = Some(error);
            Failure::Abandoned
        })
    }
}

impl InputStream<'_> {
    async fn advance(&mut self) -> Result<Option<Vec<u8>>, CallError> {
        loop {
            if matches!(self.form, Form::Ended) {
                return Ok(None);
            }
            let part = self.input.next().await?;
            let given = match &part {
                Some(part) => {
                    self.logged.took(part.len());
                    self.take(part)?
                }
                None => self.end()?,
            };
            if !given.is_empty() || part.is_none() {
                if let Some(begun) = self.begun.take() {
                    self.record.begin(begun);
                }
                return Ok(Some(given).filter(|given| !given.is_empty()));
            }
        }
    }

    /// What the handler is given of the next bytes that were sent.
    fn take(&mut self, part: &[u8]) -> Result<Vec<u8>, CallError> {
        let sent = match &mut self.form {
            Form::Unknown(held) => {
                held.extend_from_slice(part);
                if TEXT_MARK.starts_with(held) && held.len() < TEXT_MARK.len() {
                    return Ok(Vec::new());
                }
                let sent = std::mem::take(held);
                let sealed = sent.starts_with(TEXT_MARK);
                self.form = if sealed { Form::Sealed(Box::default()) } else { Form::Plain };
                sent
            }
            _ => part.to_vec(),
        };
        let given = match &mut self.form {
            Form::Sealed(stream) => Some(stream.open(&sent, self.function, self.vault, self.now)?),
            _ => None,
        };
        self.digest(|digests| digests.take(&sent, given.as_deref()));
        Ok(given.unwrap_or(sent))
    }

    /// What the handler is given at the end.
    fn end(&mut self) -> Result<Vec<u8>, CallError> {
        let form = std::mem::replace(&mut self.form, Form::Ended);
        let given = match form {
            Form::Unknown(held) => {
                self.digest(|digests| digests.take(&held, None));
                held
            }
            Form::Sealed(stream) => {
                let given = stream.finish()?;
                self.digest(|digests| digests.take(&[], Some(&given)));
                given
            }
            Form::Plain | Form::Ended => Vec::new(),
        };
        self.digest(|digests| digests.ended = true);
        Ok(given)
    }

    fn digest(&mut self, update: impl FnOnce(&mut StreamDigests)) {
        match &mut self.begun {
            Some(Begun { input: InputDigests::Stream(digests), .. }) => update(digests),
            Some(_) => {}
            None => self.record.digest_input(update),
        }
    }
}

impl StreamDigests {
    pub(super) fn new(salt: &[u8; 32]) -> Self {
        let mut given = Sha256::new();
        given.update(salt);
        Self { given, sent: None, taken: 0, ended: false }
    }

    /// Counts bytes as they were sent, and of a ciphertext what was `given` for them.
    fn take(&mut self, sent: &[u8], given: Option<&[u8]>) {
        self.taken = self.taken.saturating_add(sent.len() as u64);
        self.given.update(given.unwrap_or(sent));
        if given.is_some() {
            self.sent.get_or_insert_with(Sha256::new).update(sent);
        }
    }

    /// The digest of what the handler was given, the one of the ciphertext, and how many bytes these
    /// are of, if that is not all.
    pub(super) fn finish(self) -> ([u8; 32], Option<[u8; 32]>, Option<u64>) {
        let taken = (!self.ended).then_some(self.taken);
        (self.given.finish(), self.sent.map(Sha256::finish), taken)
    }
}
