use core::ops::Range;

use super::{CHUNK_LENGTH, Chunks, PREFIX_LENGTH, SALT_LENGTH, SEALED_CHUNK_LENGTH, sized};
use crate::crypto::{Secret, constant_time_eq};
use crate::envelope::allocation::collected;
use crate::envelope::chunk::{ChunkCipher, TAG_LENGTH};
use crate::envelope::error::{Error, Truncation};
use crate::envelope::parallel::{self, CHUNKS_PER_THREAD};
use crate::envelope::suite::Suite;

/// Opens one payload, window by window.
///
/// What a window releases is authentic so far as it goes; that it is all there is, only
/// [`PayloadOpener::open_last`] tells. Once [`Error::ChunkAltered`] was returned, every further call returns
/// an error. Where a length does not fit, or a buffer is too small, nothing was read, and the next call may be
/// right.
pub struct PayloadOpener {
    chunks: Chunks,
    altered: Option<u64>,
}

impl PayloadOpener {
    /// Begins to read a payload: `prefix` is what comes before its chunks.
    ///
    /// # Errors
    /// [`Error::DecryptFailed`] when the commitment does not hold: another key, another context, or an
    /// altered prefix.
    pub fn new(
        suite: Suite,
        input_key: &Secret<32>,
        context: &[u8],
        prefix: &[u8; PREFIX_LENGTH],
    ) -> Result<Self, Error> {
        let (salt, commitment) = prefix.split_at(SALT_LENGTH);
        let (chunks, derived) = Chunks::derive(suite, input_key, salt, context)?;
        if !constant_time_eq(commitment, &derived) {
            return Err(Error::DecryptFailed);
        }
        Ok(Self { chunks, altered: None })
    }

    /// Opens windows on up to so many threads, where they are large enough for that to pay.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.chunks.threads = threads;
        self
    }

    /// For chunks in memory that is not ours, and that somebody may write to meanwhile.
    pub(in crate::envelope) fn of_lent_memory(mut self) -> Self {
        self.chunks.cipher.set_copying();
        self
    }

    /// Opens whole chunks: `sealed` is a multiple of [`SEALED_CHUNK_LENGTH`]. A chunk of that length is
    /// never the last, so nothing needs to be held back. Returns the bytes written to `plaintext`,
    /// [`CHUNK_LENGTH`] for each.
    ///
    /// # Errors
    /// [`Error::ChunkAltered`], [`Error::NotWholeChunks`], [`Error::BufferTooSmall`] and, past 2^38
    /// chunks, [`Error::TooLong`].
    pub fn open_window(&mut self, sealed: &[u8], plaintext: &mut [u8]) -> Result<usize, Error> {
        let (chunks, rest) = sealed.as_chunks::<SEALED_CHUNK_LENGTH>();
        if !rest.is_empty() {
            return Err(Error::NotWholeChunks { length: sealed.len(), chunk: SEALED_CHUNK_LENGTH });
        }
        let needed = chunks.len() * CHUNK_LENGTH;
        let (places, _) = sized(plaintext, needed)?.as_chunks_mut::<CHUNK_LENGTH>();
        self.open_with(|own| own.open_next(chunks, places))?;
        Ok(needed)
    }

    /// Opens whole chunks, none of them the last, by windows of so many: `give` is asked for the bytes of a
    /// range of them, and may use the memory that it gets for those.
    pub(in crate::envelope) fn open_windows(
        &mut self,
        window: usize,
        plaintext: &mut [[u8; CHUNK_LENGTH]],
        give: impl for<'a> Fn(Range<usize>, &'a mut Vec<u8>) -> Result<&'a [u8], Error> + Sync,
    ) -> Result<(), Error> {
        self.open_with(|chunks| {
            let first = chunks.take(plaintext.len())?;
            let places = plaintext.chunks_mut(window);
            let mut places = collected(places.len(), places)?;
            let windows = collected(places.len(), (0..).step_by(window))?;
            let work = |scratch: &mut Vec<u8>, _, start: &usize, places: &mut &mut [[u8; CHUNK_LENGTH]]| {
                let begin = start * SEALED_CHUNK_LENGTH;
                let sealed = give(begin..begin + places.len() * SEALED_CHUNK_LENGTH, scratch)?;
                let (sealed, _) = sealed.as_chunks::<SEALED_CHUNK_LENGTH>();
                if sealed.len() != places.len() {
                    return Err(Truncation::LastChunk.into());
                }
                let first = first + u64::try_from(*start).unwrap_or(u64::MAX);
                let mut chunks_there = (first..).zip(sealed.iter().zip(places.iter_mut()));
                chunks_there.try_for_each(|(index, (sealed, place))| chunks.cipher.open(index, sealed, place))
            };
            parallel::for_each(chunks.threads, CHUNKS_PER_THREAD / window, 0, &windows, &mut places, work)
        })
    }

    /// Opens what remains, of any length: whole chunks, then the last, which must be there. Returns
    /// the bytes written.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the last chunk is missing, and those of
    /// [`PayloadOpener::open_window`].
    pub fn open_last(mut self, sealed: &[u8], plaintext: &mut [u8]) -> Result<usize, Error> {
        let last = sealed.len() % SEALED_CHUNK_LENGTH;
        let (whole, last) = sealed.split_at(sealed.len() - last);
        let last_length = last.len().checked_sub(TAG_LENGTH).ok_or(Truncation::LastChunk)?;
        let needed = whole.len() / SEALED_CHUNK_LENGTH * CHUNK_LENGTH + last_length;
        let plaintext = sized(plaintext, needed)?;
        let written = self.open_window(whole, plaintext)?;
        let (_, place) = plaintext.split_at_mut(written);
        self.open_with(|own| own.open_last(last, place))?;
        Ok(needed)
    }

    /// What opens single chunks, for random access.
    pub(in crate::envelope) fn into_cipher(self) -> (ChunkCipher, usize) {
        (self.chunks.cipher, self.chunks.threads)
    }

    fn open_with(&mut self, open: impl FnOnce(&mut Chunks) -> Result<(), Error>) -> Result<(), Error> {
        match self.altered {
            Some(index) => Err(Error::ChunkAltered { index }),
            None => open(&mut self.chunks).inspect_err(|error| {
                if let Error::ChunkAltered { index } = error {
                    self.altered = Some(*index);
                }
            }),
        }
    }
}
