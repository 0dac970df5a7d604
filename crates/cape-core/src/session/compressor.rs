use core::fmt;

use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, SafeResult};

use crate::ErrorCode;

/// zstd's fastest that is not below 1: faster than most networks, and its window of 512 KiB is what an
/// enclave has to keep of a stream (`docs/spec/session.md`, limits).
const LEVEL: i32 = 1;

/// Bytes that are taken out at a time.
const COMPRESSED: usize = 128 * 1024;

/// Turns a bundle, piece by piece, into the one zstd stream that `deploy` takes with the option `zstd`
/// (RFC 8878). Memory does not grow with the bundle.
pub struct Compressor(CCtx<'static>);

impl Compressor {
    /// A compressor at the stream's beginning.
    pub fn new() -> Result<Self, NotCompressed> {
        let mut context = CCtx::try_create().ok_or(NotCompressed)?;
        context.set_parameter(CParameter::CompressionLevel(LEVEL)).map_err(|_| NotCompressed)?;
        Ok(Self(context))
    }

    /// Whether a bundle becomes so much shorter that the time for compressing it is well spent, judged by
    /// a sample of it: by a fifth or more.
    pub fn pays(sample: &[u8]) -> Result<bool, NotCompressed> {
        let mut compressor = Self::new()?;
        let compressed = compressor.run(sample, ZSTD_EndDirective::ZSTD_e_end)?.len();
        Ok(compressed <= sample.len() - sample.len() / 5)
    }

    /// What the stream goes on with after more of the bundle; it may be nothing yet.
    pub fn compress(&mut self, content: &[u8]) -> Result<Vec<u8>, NotCompressed> {
        self.run(content, ZSTD_EndDirective::ZSTD_e_continue)
    }

    /// What the stream ends with.
    pub fn finish(mut self) -> Result<Vec<u8>, NotCompressed> {
        self.run(&[], ZSTD_EndDirective::ZSTD_e_end)
    }

    fn run(&mut self, content: &[u8], directive: ZSTD_EndDirective) -> Result<Vec<u8>, NotCompressed> {
        let (mut stream, mut input) = (Vec::new(), InBuffer::around(content));
        loop {
            // Its length is where the next bytes are written, its capacity where they end.
            stream.try_reserve(COMPRESSED).map_err(|_| NotCompressed)?;
            let start = stream.len();
            let mut output = OutBuffer::around_pos(&mut stream, start);
            let left: SafeResult = self.0.compress_stream2(&mut output, &mut input, directive);
            let left = left.map_err(|_| NotCompressed)?;
            let ended = match directive {
                ZSTD_EndDirective::ZSTD_e_end => left == 0,
                _ => input.pos() == content.len(),
            };
            if ended {
                return Ok(stream);
            }
        }
    }
}

/// There is no memory to compress in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCompressed;

impl NotCompressed {
    /// The class of the error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::PackagingError
    }
}

impl fmt::Display for NotCompressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no memory to compress the bundle in")
    }
}

impl core::error::Error for NotCompressed {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that no compressor makes shorter, the same each time.
    fn noise(size: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..size).map(|_| next()).collect()
    }

    fn compressed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut compressor = Compressor::new().unwrap();
        let mut stream = Vec::new();
        for piece in pieces {
            stream.extend(compressor.compress(piece).unwrap());
        }
        stream.extend(compressor.finish().unwrap());
        stream
    }

    #[test]
    fn pieces_of_any_size_become_one_stream() {
        let content = [vec![7; 3 << 20], noise(1 << 20), b"the end".to_vec()].concat();
        for size in [1 << 12, 1_000_003, 5 << 20] {
            let stream = compressed(content.chunks(size));
            assert!(zstd::stream::decode_all(&stream[..]).unwrap() == content);
            assert!(stream.len() < content.len() / 2);
        }
        let nothing = compressed([].into_iter());
        assert!(zstd::stream::decode_all(&nothing[..]).unwrap().is_empty());
    }

    #[test]
    fn a_stream_needs_no_larger_window_than_enclaves_have() {
        let content = [noise(20 << 20), noise(20 << 20)].concat();
        let stream = compressed(content.chunks(1 << 20));
        let mut decoder = zstd::stream::Decoder::new(&stream[..]).unwrap();
        decoder.window_log_max(19).unwrap();
        let mut inflated = Vec::new();
        std::io::Read::read_to_end(&mut decoder, &mut inflated).unwrap();
        assert!(inflated == content);
    }

    #[test]
    fn it_pays_for_what_becomes_shorter_by_a_fifth() {
        for (repeated, pays) in [(0, false), (1000, false), (2100, true), (10_000, true)] {
            let sample = [noise(10_000 - repeated), vec![0; repeated]].concat();
            assert_eq!(Compressor::pays(&sample), Ok(pays), "{repeated}");
        }
        assert_eq!(Compressor::pays(&[]), Ok(false));
    }
}
