//! The payload: C2SP chunked-encryption, the instance Cobblestone-256 (and the same with
//! ChaCha20-Poly1305).
//!
//! One HKDF-Expand gives key, base nonce and commitment; chunks of 16 KiB follow, of which the last is
//! always shorter, empty if need be, so that an end cannot be feigned. Both directions work on windows
//! of the caller's own buffers, in constant memory.

use core::ops::Range;

use super::allocation::{collected, resize};
use super::chunk::{ChunkCipher, KEY_LENGTH, NONCE_LENGTH, TAG_LENGTH};
use super::error::{Error, Truncation};
use super::parallel::{self, CHUNKS_PER_THREAD};
use super::suite::Suite;
use crate::Randomness;
use crate::crypto::{Secret, constant_time_eq, hkdf_sha512_expand};

/// Plaintext bytes of every chunk but the last, which has fewer.
pub const CHUNK_LENGTH: usize = 16_384;
/// Bytes of a sealed chunk that is not the last.
pub const SEALED_CHUNK_LENGTH: usize = CHUNK_LENGTH + TAG_LENGTH;
/// Bytes before the chunks: a salt of 24 and a commitment of 32.
pub const PREFIX_LENGTH: usize = SALT_LENGTH + COMMITMENT_LENGTH;

const SALT_LENGTH: usize = 24;
const COMMITMENT_LENGTH: usize = 32;
const DERIVED_LENGTH: usize = KEY_LENGTH + NONCE_LENGTH + COMMITMENT_LENGTH;
/// A payload has at most this many chunks (C2SP chunked-encryption, "Message chunking").
pub(super) const MAX_CHUNKS: u64 = 1 << 38;

/// Bytes of the payload that holds `plaintext` bytes, salt and commitment included; `None` when that
/// is more than memory can hold.
pub const fn payload_length(plaintext: usize) -> Option<usize> {
    let tags = (plaintext / CHUNK_LENGTH + 1) * TAG_LENGTH;
    match plaintext.checked_add(tags) {
        Some(length) => length.checked_add(PREFIX_LENGTH),
        None => None,
    }
}

/// Bytes of the plaintext that a payload of this length holds.
///
/// # Errors
/// [`Error::Truncated`] when no whole payload has this length.
pub const fn plaintext_length(payload: usize) -> Result<usize, Error> {
    let Some(chunks) = payload.checked_sub(PREFIX_LENGTH) else {
        return Err(Error::Truncated(Truncation::Commitment));
    };
    match (chunks % SEALED_CHUNK_LENGTH).checked_sub(TAG_LENGTH) {
        Some(last) => Ok(chunks / SEALED_CHUNK_LENGTH * CHUNK_LENGTH + last),
        None => Err(Error::Truncated(Truncation::LastChunk)),
    }
}

/// Seals one payload, window by window.
///
/// [`PayloadSealer::seal_last`] ends it; a payload without its end is refused as truncated.
pub struct PayloadSealer(Chunks);

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
    pub(super) fn seal_windows<Place: Send>(
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
    pub(super) fn of_lent_memory(mut self) -> Self {
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
    pub(super) fn open_windows(
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
    pub(super) fn into_cipher(self) -> (ChunkCipher, usize) {
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

/// The chunks of one payload and the number of the next.
struct Chunks {
    cipher: ChunkCipher,
    next: u64,
    threads: usize,
}

impl Chunks {
    fn derive(
        suite: Suite,
        input_key: &Secret<32>,
        salt: &[u8],
        context: &[u8],
    ) -> Result<(Self, [u8; COMMITMENT_LENGTH]), Error> {
        let info: [&[u8]; 5] =
            [b"c2sp.org/chunked-encryption@v1+", suite.iana_name().as_bytes(), &[0], salt, context];
        let derived = hkdf_sha512_expand::<DERIVED_LENGTH>(input_key.expose(), &info);
        let (key, rest) = derived.expose().split_at(KEY_LENGTH);
        let (base_nonce, commitment) = rest.split_at(NONCE_LENGTH);
        let cipher = ChunkCipher::new(suite, key, array(base_nonce))?;
        Ok((Self { cipher, next: 0, threads: 1 }, array(commitment)))
    }

    fn seal_next(
        &mut self,
        plaintext: &[[u8; CHUNK_LENGTH]],
        sealed: &mut [[u8; SEALED_CHUNK_LENGTH]],
    ) -> Result<(), Error> {
        let first = self.take(plaintext.len())?;
        parallel::for_each(
            self.threads,
            CHUNKS_PER_THREAD,
            first,
            plaintext,
            sealed,
            |(): &mut (), index, chunk, place| self.cipher.seal(index, chunk, place),
        )
    }

    fn seal_last(&mut self, plaintext: &[u8], sealed: &mut [u8]) -> Result<(), Error> {
        let index = self.take(1)?;
        self.cipher.seal(index, plaintext, sealed)
    }

    fn open_next(
        &mut self,
        sealed: &[[u8; SEALED_CHUNK_LENGTH]],
        plaintext: &mut [[u8; CHUNK_LENGTH]],
    ) -> Result<(), Error> {
        let first = self.take(sealed.len())?;
        parallel::for_each(
            self.threads,
            CHUNKS_PER_THREAD,
            first,
            sealed,
            plaintext,
            |(): &mut (), index, chunk, place| self.cipher.open(index, chunk, place),
        )
    }

    fn open_last(&mut self, sealed: &[u8], plaintext: &mut [u8]) -> Result<(), Error> {
        let index = self.take(1)?;
        self.cipher.open(index, sealed, plaintext)
    }

    /// The number of the first of so many chunks, which are those that come next.
    fn take(&mut self, chunks: usize) -> Result<u64, Error> {
        let first = self.next;
        let end = u64::try_from(chunks).ok().and_then(|chunks| first.checked_add(chunks));
        self.next = end.filter(|end| *end <= MAX_CHUNKS).ok_or(Error::TooLong)?;
        Ok(first)
    }
}

/// Exactly the first `needed` bytes of a buffer.
pub(super) fn sized(buffer: &mut [u8], needed: usize) -> Result<&mut [u8], Error> {
    let actual = buffer.len();
    buffer.get_mut(..needed).ok_or(Error::BufferTooSmall { needed, actual })
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    array
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::*;

    const SIZES: [usize; 8] = [0, 1, 16_383, 16_384, 16_385, 32_767, 32_768, 50_000];
    const CONTEXT: &[u8] = b"context";

    fn key() -> Secret<32> {
        Secret::take(&mut [0x5a; 32])
    }

    fn seal(suite: Suite, plaintext: &[u8]) -> (Vec<u8>, [u8; PREFIX_LENGTH]) {
        let (sealer, prefix) = PayloadSealer::new(suite, &key(), CONTEXT, &mut UnwrapErr(SysRng)).unwrap();
        let mut sealed = vec![0; payload_length(plaintext.len()).unwrap() - PREFIX_LENGTH];
        assert_eq!(sealer.seal_last(plaintext, &mut sealed).unwrap(), sealed.len());
        (sealed, prefix)
    }

    fn open(suite: Suite, prefix: &[u8; PREFIX_LENGTH], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let opener = PayloadOpener::new(suite, &key(), CONTEXT, prefix)?;
        let mut plaintext = vec![0xee; sealed.len()];
        let length = opener.open_last(sealed, &mut plaintext)?;
        plaintext.truncate(length);
        Ok(plaintext)
    }

    fn plaintext(size: usize) -> Vec<u8> {
        (0..size).map(|index| (index * 7 % 251) as u8).collect()
    }

    #[test]
    fn what_is_sealed_opens_and_has_the_length_foretold() {
        for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            for size in SIZES {
                let (sealed, prefix) = seal(suite, &plaintext(size));
                assert_eq!(plaintext_length(PREFIX_LENGTH + sealed.len()), Ok(size));
                assert_eq!(open(suite, &prefix, &sealed), Ok(plaintext(size)));
            }
        }
    }

    #[test]
    fn windows_make_the_same_bytes_as_one_piece() {
        let plaintext = plaintext(5 * CHUNK_LENGTH + 9);
        let sealer = || PayloadSealer(Chunks::derive(Suite::Aes256Gcm, &key(), &[3; 24], CONTEXT).unwrap().0);
        let mut whole = vec![0; plaintext.len() + 6 * TAG_LENGTH];
        sealer().seal_last(&plaintext, &mut whole).unwrap();

        let mut sealer = sealer();
        let mut pieces = vec![0; whole.len()];
        let (first, rest) = plaintext.split_at(2 * CHUNK_LENGTH);
        let written = sealer.seal_window(first, &mut pieces).unwrap();
        sealer.seal_last(rest, &mut pieces[written..]).unwrap();
        assert_eq!(pieces, whole);
    }

    #[test]
    fn opening_in_windows_gives_what_was_sealed() {
        let plaintext = plaintext(3 * CHUNK_LENGTH);
        let (sealed, prefix) = seal(Suite::Aes256Gcm, &plaintext);
        let mut opener = PayloadOpener::new(Suite::Aes256Gcm, &key(), CONTEXT, &prefix).unwrap();
        let mut opened = vec![0; plaintext.len()];
        let (first, rest) = sealed.split_at(2 * SEALED_CHUNK_LENGTH);
        let written = opener.open_window(first, &mut opened).unwrap();
        assert_eq!(opener.open_last(rest, &mut opened[written..]), Ok(CHUNK_LENGTH));
        assert_eq!(opened, plaintext);
    }

    #[test]
    fn another_key_context_suite_or_prefix_fails_before_any_chunk() {
        let (sealed, prefix) = seal(Suite::Aes256Gcm, b"secret");
        let other = Secret::take(&mut [0x5b; 32]);
        let refused = |suite, key: &Secret<32>, context: &[u8], prefix: &[u8; PREFIX_LENGTH]| {
            PayloadOpener::new(suite, key, context, prefix).err()
        };
        assert_eq!(refused(Suite::Aes256Gcm, &other, CONTEXT, &prefix), Some(Error::DecryptFailed));
        assert_eq!(refused(Suite::Aes256Gcm, &key(), b"contexs", &prefix), Some(Error::DecryptFailed));
        assert_eq!(refused(Suite::ChaCha20Poly1305, &key(), CONTEXT, &prefix), Some(Error::DecryptFailed));
        for byte in 0..PREFIX_LENGTH {
            let mut altered = prefix;
            altered[byte] ^= 1;
            assert_eq!(open(Suite::Aes256Gcm, &altered, &sealed), Err(Error::DecryptFailed));
        }
    }

    #[test]
    fn a_payload_without_its_last_chunk_is_truncated() {
        for size in [0, CHUNK_LENGTH, 2 * CHUNK_LENGTH + 5] {
            let (sealed, prefix) = seal(Suite::Aes256Gcm, &plaintext(size));
            let boundary = sealed.len() / SEALED_CHUNK_LENGTH * SEALED_CHUNK_LENGTH;
            for end in [boundary, boundary + 1, boundary + 15] {
                let cut = open(Suite::Aes256Gcm, &prefix, &sealed[..end.min(sealed.len())]);
                let expected = Err(Error::Truncated(Truncation::LastChunk));
                assert_eq!(cut, if end < sealed.len() { expected } else { Ok(plaintext(size)) });
            }
        }
    }

    #[test]
    fn chunks_swapped_repeated_cut_or_followed_by_more_are_refused() {
        let (sealed, prefix) = seal(Suite::Aes256Gcm, &plaintext(2 * CHUNK_LENGTH + 100));
        let (chunks, last) = sealed.as_chunks::<SEALED_CHUNK_LENGTH>();
        let refused = |sealed: &[&[u8]], index| {
            assert_eq!(open(Suite::Aes256Gcm, &prefix, &sealed.concat()), Err(Error::ChunkAltered { index }));
        };
        refused(&[&chunks[1], &chunks[0], last], 0);
        refused(&[&chunks[0], &chunks[0], last], 1);
        refused(&[&chunks[0], last], 1);
        refused(&[&chunks[0], &chunks[1], &last[..last.len() - 1]], 2);
        refused(&[&chunks[0], &chunks[1], last, &[0]], 2);
        refused(&[&chunks[0], &chunks[1], last, last], 2);
    }

    #[test]
    fn every_flipped_bit_of_a_short_payload_is_refused_and_nothing_is_released() {
        let (sealed, prefix) = seal(Suite::ChaCha20Poly1305, b"secret");
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let opener = PayloadOpener::new(Suite::ChaCha20Poly1305, &key(), CONTEXT, &prefix).unwrap();
            let mut place = [0; 6];
            assert_eq!(opener.open_last(&altered, &mut place), Err(Error::ChunkAltered { index: 0 }));
            assert_eq!(place, [0; 6]);
        }
    }

    #[test]
    fn an_opener_that_failed_keeps_failing() {
        let (sealed, prefix) = seal(Suite::Aes256Gcm, &plaintext(2 * CHUNK_LENGTH));
        let mut opener = PayloadOpener::new(Suite::Aes256Gcm, &key(), CONTEXT, &prefix).unwrap();
        let mut place = vec![0; 2 * CHUNK_LENGTH];
        let second = &sealed[SEALED_CHUNK_LENGTH..2 * SEALED_CHUNK_LENGTH];
        for window in [second, second, &sealed[..SEALED_CHUNK_LENGTH]] {
            assert_eq!(opener.open_window(window, &mut place), Err(Error::ChunkAltered { index: 0 }));
        }
        assert_eq!(
            opener.open_last(&sealed[2 * SEALED_CHUNK_LENGTH..], &mut place),
            Err(Error::ChunkAltered { index: 0 })
        );
    }

    #[test]
    fn pieces_and_buffers_of_a_wrong_size_are_refused() {
        let (mut sealer, prefix) =
            PayloadSealer::new(Suite::Aes256Gcm, &key(), CONTEXT, &mut UnwrapErr(SysRng)).unwrap();
        let mut opener = PayloadOpener::new(Suite::Aes256Gcm, &key(), CONTEXT, &prefix).unwrap();
        let short = &mut [0; 100];
        let pieces = Error::NotWholeChunks { length: 7, chunk: CHUNK_LENGTH };
        assert_eq!(sealer.seal_window(&[0; 7], short), Err(pieces));
        let pieces = Error::NotWholeChunks { length: 7, chunk: SEALED_CHUNK_LENGTH };
        assert_eq!(opener.open_window(&[0; 7], short), Err(pieces));
        let needed = SEALED_CHUNK_LENGTH;
        assert_eq!(
            sealer.seal_window(&[0; CHUNK_LENGTH], short),
            Err(Error::BufferTooSmall { needed, actual: 100 })
        );
        let needed = CHUNK_LENGTH;
        assert_eq!(
            opener.open_window(&[0; SEALED_CHUNK_LENGTH], short),
            Err(Error::BufferTooSmall { needed, actual: 100 })
        );
        let (mut sealed, mut opened) = (vec![0; SEALED_CHUNK_LENGTH], vec![0; CHUNK_LENGTH]);
        assert_eq!(sealer.seal_window(&[7; CHUNK_LENGTH], &mut sealed), Ok(SEALED_CHUNK_LENGTH));
        assert_eq!(opener.open_window(&sealed, &mut opened), Ok(CHUNK_LENGTH), "nothing was read before");
        assert_eq!(opened, [7; CHUNK_LENGTH]);
    }

    #[test]
    fn a_payload_has_at_most_two_to_the_38_chunks() {
        let (chunks, _) = Chunks::derive(Suite::Aes256Gcm, &key(), &[0; 24], CONTEXT).unwrap();
        let mut sealer = PayloadSealer(Chunks { next: MAX_CHUNKS - 1, ..chunks });
        let place = &mut [0; SEALED_CHUNK_LENGTH];
        assert_eq!(sealer.seal_window(&[0; CHUNK_LENGTH], place), Ok(SEALED_CHUNK_LENGTH));
        assert_eq!(sealer.seal_window(&[0; CHUNK_LENGTH], place), Err(Error::TooLong));
        assert_eq!(sealer.seal_last(&[], place), Err(Error::TooLong));
    }
}
