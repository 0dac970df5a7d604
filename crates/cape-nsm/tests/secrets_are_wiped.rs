//! Memory that held a private key of the development PKI is given back without it. The allocator of this
//! test looks at every block that is freed, just before: so nothing is read that is not owned. What lay on
//! a stack, and AWS-LC's own memory, is not seen.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64_simd::STANDARD;
use cape_nsm::{Measurements, Pki, SimulatedNsm};

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

/// Freed blocks that still held a part of a key.
static FOUND: AtomicUsize = AtomicUsize::new(0);

struct Looking;

// SAFETY: every call is the system allocator's; blocks are only read while they are owned.
unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is owned until it is freed. A block may be partly uninitialised, and is
        // read as bytes that nothing else depends on.
        let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
        let known = PARTS.get().map_or(&[][..], Vec::as_slice);
        let is_secret =
            |part: &[u8]| part == MARK || part == MARK_TEXT || known.iter().any(|key| part == key);
        if bytes.windows(12).any(is_secret) {
            FOUND.fetch_add(1, Ordering::SeqCst);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Looking = Looking;

/// How many blocks are freed with a key in them while `work` runs. The count is of the whole process, so
/// there is one test here.
fn left_behind<T>(work: impl FnOnce() -> T) -> usize {
    FOUND.store(0, Ordering::SeqCst);
    drop(work());
    FOUND.load(Ordering::SeqCst)
}

#[test]
fn keys_that_are_made_written_and_read() {
    let folder = Folder::new();
    let directory = folder.path().join("nsm");
    assert_eq!(left_behind(|| Pki::create(&directory, START).unwrap()), 0, "a root");
    let start = |now| {
        let pki = Pki::open(&directory).unwrap();
        let measurements = Measurements { pcr0: [1; 48], pcr1: [2; 48], pcr2: [3; 48] };
        SimulatedNsm::start(pki, &measurements, move || now).unwrap()
    };
    assert_eq!(left_behind(|| start(START)), 0, "a chain");

    let file = |name| &*fs::read_to_string(directory.join(name)).unwrap().leak();
    let mut parts = Vec::with_capacity(2 * 4);
    for name in ["root.pem", "chain.pem"] {
        add_parts(&mut parts, file(name));
    }
    assert_eq!((parts.len(), parts.capacity()), (2 * 4, 2 * 4));
    PARTS.set(parts).unwrap();
    assert_eq!(left_behind(|| Pki::open(&directory).unwrap()), 0, "keys that are read");
    // Of the chain, the two upper authorities are kept, and written again.
    let before = file("chain.pem");
    assert_eq!(left_behind(|| start(START + 2 * DAY)), 0, "a chain that is renewed");
    assert_ne!(file("chain.pem"), before);
    assert_eq!(left_behind(|| before.to_owned()), 1, "what is not wiped is found");
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

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("cape-nsm-wiped-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
