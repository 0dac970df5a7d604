//! The payload in any order: chunk k begins at k * [`SEALED_CHUNK_LENGTH`], counted from the first, and
//! can be opened alone.

use super::chunk::{ChunkCipher, TAG_LENGTH};
use super::error::{Error, Truncation};
use super::parallel::{self, CHUNKS_PER_THREAD};
use super::payload::{CHUNK_LENGTH, MAX_CHUNKS, PayloadOpener, SEALED_CHUNK_LENGTH, sized};

/// The chunks of one payload, opened in any order.
///
/// Its length is proven: no other chunk opens as the last. A chunk is authentic, and in its place, when
/// it opens; of those that were not opened nothing is known.
pub struct RandomAccess {
    cipher: ChunkCipher,
    threads: usize,
    plaintext_length: u64,
}

impl RandomAccess {
    /// Takes what would open the payload from its beginning, the bytes of all its chunks, and the last
    /// of them, which begins at [`last_chunk_start`].
    ///
    /// # Errors
    /// [`Error::Truncated`] when there is no last chunk; [`Error::ChunkAltered`] when it does not open;
    /// [`Error::TooLong`] for more than 2^38 chunks.
    pub fn new(opener: PayloadOpener, chunks_length: u64, last: &[u8]) -> Result<Self, Error> {
        let start = last_chunk_start(chunks_length)?;
        if u64::try_from(last.len()).ok() != chunks_length.checked_sub(start) {
            return Err(Truncation::LastChunk.into());
        }
        let index = start / to_u64(SEALED_CHUNK_LENGTH);
        if index >= MAX_CHUNKS {
            return Err(Error::TooLong);
        }
        let (cipher, threads) = opener.into_cipher();
        let mut place = [0; CHUNK_LENGTH];
        let length = last.len() - TAG_LENGTH;
        cipher.open(index, last, sized(&mut place, length)?)?;
        Ok(Self { cipher, threads, plaintext_length: index * to_u64(CHUNK_LENGTH) + to_u64(length) })
    }

    /// Bytes of the plaintext.
    pub fn plaintext_length(&self) -> u64 {
        self.plaintext_length
    }

    /// Opens chunks that follow one another, of which the first has the number `first`: all of them
    /// whole, but that the last of the payload may be the last of them. Returns the bytes written to
    /// `plaintext`.
    ///
    /// # Errors
    /// [`Error::ChunkAltered`], [`Error::NotWholeChunks`], [`Error::BufferTooSmall`].
    pub fn open(&self, first: u64, sealed: &[u8], plaintext: &mut [u8]) -> Result<usize, Error> {
        let (chunks, rest) = sealed.as_chunks::<SEALED_CHUNK_LENGTH>();
        let end = first.saturating_add(to_u64(chunks.len()));
        let last_index = self.plaintext_length / to_u64(CHUNK_LENGTH);
        let last_length = self.plaintext_length % to_u64(CHUNK_LENGTH) + to_u64(TAG_LENGTH);
        let fits = match rest {
            [] => end <= last_index,
            last => end == last_index && to_u64(last.len()) == last_length,
        };
        if !fits {
            return Err(Error::NotWholeChunks { length: sealed.len(), chunk: SEALED_CHUNK_LENGTH });
        }
        let needed = chunks.len() * CHUNK_LENGTH + rest.len().saturating_sub(TAG_LENGTH);
        let (places, place) = sized(plaintext, needed)?.as_chunks_mut::<CHUNK_LENGTH>();
        parallel::for_each(
            self.threads,
            CHUNKS_PER_THREAD,
            first,
            chunks,
            places,
            |(): &mut (), index, chunk, place| self.cipher.open(index, chunk, place),
        )?;
        if !rest.is_empty() {
            self.cipher.open(end, rest, place)?;
        }
        Ok(needed)
    }
}

/// Where the last of so many bytes of chunks begins.
///
/// # Errors
/// [`Error::Truncated`] when there is no last chunk.
pub fn last_chunk_start(chunks_length: u64) -> Result<u64, Error> {
    match chunks_length % to_u64(SEALED_CHUNK_LENGTH) {
        last if last < to_u64(TAG_LENGTH) => Err(Truncation::LastChunk.into()),
        last => Ok(chunks_length - last),
    }
}

/// Lengths within memory are lengths of files.
fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
