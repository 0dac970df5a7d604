//! Memory that held a private key of the development PKI is given back without it. What lay on a stack, and
//! AWS-LC's own memory, is not seen.

#[path = "../../cape-core/tests/freed_blocks/mod.rs"]
mod freed_blocks;

use std::fs;
use std::sync::OnceLock;

use base64_simd::STANDARD;
use cape_nsm::{Measurements, Pki, SimulatedNsm};
use freed_blocks::Looking;

/// 2027-01-15T08:00:00Z, in milliseconds since 1970.
const START: u64 = 1_800_000_000_000;
const DAY: u64 = 24 * 3600 * 1000;

/// What stands just before the private key in PKCS #8 of a key on P-384, so that a key is found which
/// nobody knows yet: the end of the curve's name, and the beginning of ECPrivateKey (RFC 5915).
const MARK: [u8; 12] = [0x22, 0x04, 0x81, 0x9e, 0x30, 0x81, 0x9b, 0x02, 0x01, 0x01, 0x04, 0x30];
/// The same as base64.
const MARK_TEXT: [u8; 12] = *b"BAAiBIGeMIGb";

/// Parts of the keys of a folder, as bytes and as text.
static PARTS: OnceLock<Vec<[u8; 12]>> = OnceLock::new();

/// The count is of the whole process, so there is one test here.
#[global_allocator]
static ALLOCATOR: Looking = Looking::at_blocks(holds_key);

fn holds_key(block: &[u8]) -> bool {
    let known = PARTS.get().map_or(&[][..], Vec::as_slice);
    let is_secret = |part: &[u8]| part == MARK || part == MARK_TEXT || known.iter().any(|key| part == key);
    block.windows(12).any(is_secret)
}

#[test]
fn keys_that_are_made_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("nsm");
    assert_eq!(ALLOCATOR.left_behind(|| Pki::create(&directory, START).unwrap()), 0, "a root");
    let start = |now| {
        let pki = Pki::open(&directory).unwrap();
        let measurements = Measurements { pcr0: [1; 48], pcr1: [2; 48], pcr2: [3; 48] };
        SimulatedNsm::start(pki, &measurements, move || now).unwrap()
    };
    assert_eq!(ALLOCATOR.left_behind(|| start(START)), 0, "a chain");

    let file = |name| &*fs::read_to_string(directory.join(name)).unwrap().leak();
    let mut parts = Vec::with_capacity(2 * 4);
    for name in ["root.pem", "chain.pem"] {
        add_parts(&mut parts, file(name));
    }
    assert_eq!((parts.len(), parts.capacity()), (2 * 4, 2 * 4));
    PARTS.set(parts).unwrap();
    assert_eq!(ALLOCATOR.left_behind(|| Pki::open(&directory).unwrap()), 0, "keys that are read");
    // Of the chain, the two upper authorities are kept, and written again.
    let before = file("chain.pem");
    assert_eq!(ALLOCATOR.left_behind(|| start(START + 2 * DAY)), 0, "a chain that is renewed");
    assert_ne!(file("chain.pem"), before);
    assert_eq!(ALLOCATOR.left_behind(|| before.to_owned()), 1, "what is not wiped is found");
}

/// Of each private key in a file: bytes of the number, and characters of them. What is read for that is
/// never freed, or it would be found wherever its place is used again.
fn add_parts(parts: &mut Vec<[u8; 12]>, text: &str) {
    for block in text.split("-----BEGIN PRIVATE KEY-----").skip(1) {
        let mut lines = block.trim_start().lines();
        let beginning = STANDARD.decode_to_vec(lines.next().unwrap()).unwrap().leak();
        parts.push(*beginning.last_chunk().unwrap());
        parts.push(*lines.next().unwrap().as_bytes().first_chunk().unwrap());
    }
}
