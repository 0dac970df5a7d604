use super::error::{Error, Truncation};
use super::header::{MAX_ANONYMOUS, ReadHeader, payload_context};
use super::key::PrivateKey;
use super::payload::PayloadOpener;
use super::stanza::FileKey;

impl ReadHeader<'_> {
    /// The file key, by whichever of the keys is a recipient's. From here on the header is authentic.
    ///
    /// # Errors
    /// [`Error::NotARecipient`] when there is nothing to try any of the keys on; else
    /// [`Error::DecryptFailed`], whatever the reason.
    pub(super) fn unwrap(&self, keys: &[&PrivateKey]) -> Result<FileKey, Error> {
        let file_key = self.try_stanzas(keys)?;
        if self.verify(&file_key) { Ok(file_key) } else { Err(Error::DecryptFailed) }
    }

    /// What opens the payload's chunks; `payload` begins with its salt and commitment.
    ///
    /// # Errors
    /// [`Error::Truncated`] when these are not whole, [`Error::DecryptFailed`] when they are another
    /// payload's.
    pub(super) fn payload_opener(
        &self,
        file_key: &FileKey,
        aad: &[u8],
        payload: &[u8],
    ) -> Result<PayloadOpener, Error> {
        let prefix = payload.first_chunk().ok_or(Truncation::Commitment)?;
        PayloadOpener::new(self.suite, file_key, &payload_context(self.suite, &self.context, aad), prefix)
    }

    /// Tries each key on the stanza that names it; when none opens, tries the keys, in their order, on
    /// the stanzas of their kind that name nobody, [`MAX_ANONYMOUS`] times in all.
    fn try_stanzas(&self, keys: &[&PrivateKey]) -> Result<FileKey, Error> {
        let pairs = || keys.iter().flat_map(|key| self.stanzas.iter().map(move |stanza| (*key, stanza)));
        let named = pairs().filter(|(key, stanza)| stanza.names(key.public_key()));
        let hidden = pairs().filter(|(key, stanza)| stanza.may_hide(key.public_key())).take(MAX_ANONYMOUS);
        let mut trials = named.chain(hidden).peekable();
        if trials.peek().is_none() {
            return Err(Error::NotARecipient { recipients: self.stanzas.len() });
        }
        let preamble = self.preamble();
        trials.find_map(|(key, stanza)| stanza.unwrap(key, &preamble)).ok_or(Error::DecryptFailed)
    }
}
