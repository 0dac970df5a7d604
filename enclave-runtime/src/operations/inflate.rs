use cape_core::ErrorCode;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::CallError;

/// Bytes that come out at a time.
const INFLATED: usize = 256 * 1024;

/// The largest window of a stream, as a power of two: 8 MiB, what RFC 8878, 3.1.1.1.2, asks decoders
/// to support.
const MAX_WINDOW_LOG: u32 = 23;

/// Bytes that a stream may have beyond twice its content: headers, and blocks that a compressor
/// flushed early.
const OVERHEAD: u64 = 64 * 1024;

/// The decompressor of a bundle that travels as one zstd stream.
pub(super) struct Inflate {
    decoder: Decoder<'static>,
    /// Bytes of the stream that may still come. Blocks can be empty, so the size of what comes out
    /// does not bound what goes in.
    left: u64,
    ended: bool,
}

impl Inflate {
    /// The decompressor of a stream whose content has at most `size` bytes.
    pub(super) fn new(size: u64) -> Result<Self, CallError> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
        Ok(Self { decoder, left: size.saturating_mul(2).saturating_add(OVERHEAD), ended: false })
    }

    /// The next bytes of the content, taken from the front of `stream`; `None` when it takes more of
    /// the stream to go on.
    pub(super) fn next(&mut self, stream: &mut &[u8]) -> Result<Option<Vec<u8>>, CallError> {
        let mut inflated = vec![0; INFLATED];
        let mut input = InBuffer::around(stream);
        let mut output = OutBuffer::around(&mut inflated[..]);
        let missing = self.decoder.run(&mut input, &mut output).map_err(|_| malformed())?;
        let (read, written) = (input.pos(), output.pos());
        if read > 0 {
            let left = self.left.checked_sub(read as u64).filter(|_| !self.ended);
            self.left = left.ok_or_else(malformed)?;
            self.ended = missing == 0;
        }
        *stream = &stream[read..];
        // Whoever is told `None` has nothing left; a stream may end without any content.
        if self.ended && !stream.is_empty() {
            return Err(malformed());
        }
        inflated.truncate(written);
        Ok((written > 0).then_some(inflated))
    }
}

fn malformed() -> CallError {
    CallError::new(ErrorCode::PackagingError, "the bundle is not one zstd stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflate(stream: &[u8], size: u64) -> Result<Vec<Vec<u8>>, CallError> {
        let mut inflate = Inflate::new(size).unwrap();
        let mut parts = Vec::new();
        for mut part in stream.chunks(1000) {
            while let Some(inflated) = inflate.next(&mut part)? {
                parts.push(inflated);
            }
            assert!(part.is_empty());
        }
        Ok(parts)
    }

    #[test]
    fn much_comes_out_in_small_parts() {
        let content = vec![7; 10 << 20];
        let stream = zstd::stream::encode_all(&content[..], 3).unwrap();
        let parts = inflate(&stream, 10 << 20).unwrap();
        assert!(parts.iter().all(|part| part.len() <= INFLATED));
        assert!(parts.concat() == content);
    }

    #[test]
    fn what_follows_the_stream_is_refused() {
        let stream = zstd::stream::encode_all(&b"content"[..], 3).unwrap();
        assert_eq!(inflate(&stream, 7).unwrap().concat(), b"content");
        let empty = zstd::stream::encode_all(&b""[..], 3).unwrap();
        assert_eq!(inflate(&empty, 7).unwrap().concat(), b"");
        for first in [&stream, &empty] {
            for more in [&b"x"[..], &stream, &empty] {
                assert!(inflate(&[first, more].concat(), 14).is_err());
            }
        }
    }

    #[test]
    fn a_stream_that_goes_on_without_content_is_given_up() {
        // The header of a frame with a window of 1 KiB and without a size, then raw blocks of no
        // bytes (RFC 8878, 3.1.1).
        let header = [0x28, 0xb5, 0x2f, 0xfd, 0, 0];
        let empty_blocks = [0; 3 * 100_000];
        assert!(inflate(&[&header[..], &empty_blocks].concat(), 100).is_err());
    }
}
