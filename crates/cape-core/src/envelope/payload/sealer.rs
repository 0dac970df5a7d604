use super::{CHUNK_LENGTH, Chunks, PREFIX_LENGTH, SALT_LENGTH, SEALED_CHUNK_LENGTH, sized};
use crate::Randomness;
use crate::crypto::Secret;
use crate::envelope::allocation::{collected, resize};
use crate::envelope::chunk::TAG_LENGTH;
use crate::envelope::error::Error;
use crate::envelope::parallel::{self, CHUNKS_PER_THREAD};
use crate::envelope::suite::Suite;

/// Seals one payload, window by window.
///
/// [`PayloadSealer::seal_last`] ends it; a payload without its end is refused as truncated.
pub struct PayloadSealer(pub(super) Chunks);

impl PayloadSealer {
    /// Begins a payload with a fresh salt. The bytes returned come before the chunks.
    ///
    /// `input_key` must be uniformly random; `context` says what the payload is, and opens it only
    /// where the same context is given.
    pub fn new(
        suite: Suite,
        input_key: &Secret<32>,
        context: &[u8],
        rng: &mut dyn Randomness,
    ) -> Result<(Self, [u8; PREFIX_LENGTH]), Error> {
        let mut prefix = [0; PREFIX_LENGTH];
        let (salt, commitment) = prefix.split_at_mut(SALT_LENGTH);
        rng.fill_bytes(salt);
        let (chunks, derived) = Chunks::derive(suite, input_key, salt, context)?;
        commitment.copy_from_slice(&derived);
        Ok((Self(chunks), prefix))
    }

    /// Seals windows on up to so many threads, where they are large enough for that to pay.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.0.threads = threads;
        self
    }

    /// Seals whole chunks, none of them the last: `plaintext` is a multiple of [`CHUNK_LENGTH`].
    /// Returns the bytes written to `sealed`, [`SEALED_CHUNK_LENGTH`] for each.
    ///
    /// # Errors
    /// [`Error::NotWholeChunks`], [`Error::BufferTooSmall`] and, past 2^38 chunks, [`Error::TooLong`].
    pub fn seal_window(&mut self, plaintext: &[u8], sealed: &mut [u8]) -> Result<usize, Error> {
        let (chunks, rest) = plaintext.as_chunks::<CHUNK_LENGTH>();
        if !rest.is_empty() {
            return Err(Error::NotWholeChunks { length: plaintext.len(), chunk: CHUNK_LENGTH });
        }
        let needed = chunks.len() * SEALED_CHUNK_LENGTH;
        let (places, _) = sized(sealed, needed)?.as_chunks_mut::<SEALED_CHUNK_LENGTH>();
        self.0.seal_next(chunks, places)?;
        Ok(needed)
    }

    /// Seals whole chunks, none of them the last, by windows of so many, and lets `take` have each, with the
    /// window's place.
    pub(in crate::envelope) fn seal_windows<Place: Send>(
        &mut self,
        plaintext: &[[u8; CHUNK_LENGTH]],
        window: usize,
        places: &mut [Place],
        take: impl Fn(&[u8], &mut Place) -> Result<(), Error> + Sync,
    ) -> Result<(), Error> {
        let chunks = &mut self.0;
        let first = chunks.take(plaintext.len())?;
        let windows = plaintext.chunks(window);
        let windows = collected(windows.len(), windows.zip((first..).step_by(window)))?;
        let work =
            |scratch: &mut Vec<u8>, _, (plaintext, first): &(&[[u8; CHUNK_LENGTH]], u64), place: &mut _| {
                resize(scratch, plaintext.len() * SEALED_CHUNK_LENGTH)?;
                let (sealed, _) = scratch.as_chunks_mut::<SEALED_CHUNK_LENGTH>();
                for (index, (chunk, sealed)) in (*first..).zip(plaintext.iter().zip(sealed)) {
                    chunks.cipher.seal(index, chunk, sealed)?;
                }
                take(scratch, place)
            };
        parallel::for_each(chunks.threads, CHUNKS_PER_THREAD / window, 0, &windows, places, work)
    }

    /// Seals what remains, of any length: whole chunks, then the last. Returns the bytes written.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] and, past 2^38 chunks, [`Error::TooLong`].
    pub fn seal_last(mut self, plaintext: &[u8], sealed: &mut [u8]) -> Result<usize, Error> {
        let last = plaintext.len() % CHUNK_LENGTH;
        let (whole, last) = plaintext.split_at(plaintext.len() - last);
        let needed = whole.len() / CHUNK_LENGTH * SEALED_CHUNK_LENGTH + last.len() + TAG_LENGTH;
        let sealed = sized(sealed, needed)?;
        let written = self.seal_window(whole, sealed)?;
        let (_, place) = sealed.split_at_mut(written);
        self.0.seal_last(last, place)?;
        Ok(needed)
    }
}
