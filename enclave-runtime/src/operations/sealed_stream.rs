use cape_core::UnixTime;
use cape_core::envelope::{
    self, CHUNK_LENGTH, Error, PayloadOpener, SEALED_CHUNK_LENGTH, START_LENGTH, TextDecoder, begin_open,
    head_length,
};
use cape_core::identity::{Manifest, Signed, Vault};

use super::CallError;
use super::input::{refused, refused_key};

/// A ciphertext that is opened as it comes. What it gives is authentic; that it is all there is, only
/// [`finish`](Self::finish) tells.
#[derive(Default)]
pub(super) struct SealedStream {
    text: TextDecoder,
    /// In binary form, what is not opened yet: of everything before the chunks, then of a chunk.
    held: Vec<u8>,
    opener: Option<PayloadOpener>,
}

impl SealedStream {
    /// The plaintext that the next bytes complete.
    pub(super) fn open(
        &mut self,
        sent: &[u8],
        function: &Signed<Manifest>,
        vault: &Vault,
        now: UnixTime,
    ) -> Result<Vec<u8>, CallError> {
        self.held.extend(self.text.decode(sent).map_err(refused)?);
        if self.opener.is_none() && !self.begin(function, vault, now)? {
            return Ok(Vec::new());
        }
        let Some(opener) = &mut self.opener else { return Ok(Vec::new()) };
        // A chunk of that length is never the last.
        let sealed = self.held.len() - self.held.len() % SEALED_CHUNK_LENGTH;
        let mut plaintext = vec![0; sealed / SEALED_CHUNK_LENGTH * CHUNK_LENGTH];
        opener.open_window(&self.held[..sealed], &mut plaintext).map_err(refused)?;
        self.held.drain(..sealed);
        Ok(plaintext)
    }

    /// The last of the plaintext.
    pub(super) fn finish(self) -> Result<Vec<u8>, CallError> {
        let rest = [self.held, self.text.finish().map_err(refused)?].concat();
        let Some(opener) = self.opener else {
            // It ends within what comes before the chunks; which error that is, the whole tells.
            let error = envelope::inspect_start(&rest).err();
            return Err(refused(error.unwrap_or(Error::Truncated(envelope::Truncation::Commitment))));
        };
        let mut plaintext = vec![0; rest.len()];
        let length = opener.open_last(&rest, &mut plaintext).map_err(refused)?;
        plaintext.truncate(length);
        Ok(plaintext)
    }

    /// Opens the header once it is there; whether it is.
    fn begin(
        &mut self,
        function: &Signed<Manifest>,
        vault: &Vault,
        now: UnixTime,
    ) -> Result<bool, CallError> {
        if self.held.len() < START_LENGTH {
            return Ok(false);
        }
        let length = head_length(&self.held).map_err(refused)?;
        let Some(head) = self.held.get(..length) else { return Ok(false) };
        let header = envelope::inspect_start(head).map_err(refused)?;
        let keys = vault.input_keys(function, &header).map_err(refused)?;
        let keys: Vec<_> = keys.iter().collect();
        let (context, opener) = begin_open(head, &keys, b"").map_err(|error| refused_key(error, function))?;
        let rules = context.use_rules().map_err(refused)?;
        rules.check(function.checksum().as_bytes(), now).map_err(refused)?;
        self.held.drain(..length);
        self.opener = Some(opener);
        Ok(true)
    }
}
