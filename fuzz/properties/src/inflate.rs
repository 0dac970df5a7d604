//! The runtime's decompression of a bundle that a client sends: no more comes out at a time than a part may
//! have, and no more goes in than twice the content that was announced and 64 KiB.

// The runtime is a binary; this is its reader of a client's zstd stream.
#[path = "../../../enclave-runtime/src/operations/inflate.rs"]
mod inflating;

use std::io;

use cape_core::ErrorCode;

/// Bytes of content that the client announced.
const ANNOUNCED: u64 = 64 * 1024;
/// The most that comes out at a time.
const PART: usize = 256 * 1024;
/// The most that goes in.
const TAKEN: usize = 2 * ANNOUNCED as usize + 64 * 1024;

/// What the runtime answers with.
#[derive(Debug)]
struct CallError;

impl CallError {
    fn new(class: ErrorCode, _: &str) -> Self {
        assert_eq!(class, ErrorCode::PackagingError);
        Self
    }
}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        panic!("no decoder: {error}")
    }
}

pub(crate) fn check(input: &[u8]) {
    let whole = inflate(input, input.len().max(1));
    let in_parts = inflate(input, 7);
    // Where a stream is cut, what is wrong with its end may be seen in one of the ways only.
    if let (Ok(whole), Ok(in_parts)) = (whole, in_parts) {
        assert_eq!(whole, in_parts);
    }
}

fn inflate(stream: &[u8], at_once: usize) -> Result<Vec<u8>, CallError> {
    let mut decoder = inflating::Inflate::new(ANNOUNCED)?;
    let (mut content, mut taken) = (Vec::new(), 0);
    for mut part in stream.chunks(at_once) {
        taken += part.len();
        while let Some(inflated) = decoder.next(&mut part)? {
            assert!((1..=PART).contains(&inflated.len()));
            content.extend(inflated);
            // The runtime counts, and gives up.
            if content.len() as u64 > ANNOUNCED {
                return Err(CallError);
            }
        }
        assert!(part.is_empty(), "what came in was taken");
        assert!(taken <= TAKEN, "{taken} bytes went in");
    }
    Ok(content)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = [b"".to_vec(), b"content".to_vec(), vec![7; 60_000], vec![7; 1 << 20]];
    let compressed = |content: &Vec<u8>| zstd::stream::encode_all(&content[..], 3).expect("a stream");
    let mut seeds: Vec<_> = texts.iter().map(compressed).collect();
    // A frame with a window of 1 KiB and without a size, then blocks of no bytes (RFC 8878, 3.1.1).
    seeds.push([&[0x28, 0xb5, 0x2f, 0xfd, 0, 0][..], &[0; 300]].concat());
    seeds.push([&[0x28, 0xb5, 0x2f, 0xfd, 0, 0][..], &[0; TAKEN + 3]].concat());
    seeds
}
