//! The runtime's unpacking of a function: nothing is written outside the folder, nothing beyond the
//! limit, and nothing that is not a plain file of the owner's.

// The runtime is a binary; this is the one of its readers that takes a file of a stranger's as it is.
#[allow(dead_code, unreachable_pub, reason = "the runtime uses all of it")]
#[path = "../../../enclave-runtime/src/bundle/mod.rs"]
mod unpacking;

use std::fs::{self, File};
use std::io::{Cursor, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

const LIMIT: u64 = 16 * 1024;

pub(crate) fn check(input: &[u8]) {
    let around = tempfile::tempdir().expect("a folder");
    // Deep enough for names that climb more than one step.
    let folder = around.path().join("1/2/3/folder");
    fs::create_dir_all(&folder).expect("a folder");
    let mut archive = tempfile::tempfile().expect("a file");
    archive.write_all(input).and_then(|()| archive.rewind()).expect("an archive");
    let unpacked = unpacking::unpack(&mut archive, &folder, LIMIT);
    let size = size_of_plain_files(&folder);
    assert!(size <= LIMIT, "{size} bytes");
    if let Ok(written) = unpacked {
        assert_eq!(written, size);
    }
    for above in folder.ancestors().skip(1).take(4) {
        let beside: Vec<_> = fs::read_dir(above).expect("a folder").collect();
        assert_eq!(beside.len(), 1, "{beside:?}");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let one = archive(&[("app.py", b"def cape_handler(x): return x\n")]);
    let several = archive(&[("app.py", b"x"), ("data/a/b.bin", &[7; 300]), ("data/empty/", b""), ("e", b"")]);
    let full = LIMIT as usize;
    let sizes = [full, full + 1].map(|size| archive(&[("a", &vec![7; size - 1]), ("b", b"x")]));
    let outside = ["../x", "../../x", "a/../../../x"].map(|name| archive(&[(name, b"x")]));
    [vec![one, several, archive(&[])], sizes.to_vec(), outside.to_vec()].concat()
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    for (name, content) in entries {
        match name.strip_suffix('/') {
            Some(folder) => writer.add_directory(folder, options).expect("a folder"),
            None => {
                writer.start_file(*name, options).expect("an entry");
                writer.write_all(content).expect("an entry");
            }
        }
    }
    writer.finish().expect("an archive").into_inner()
}

fn size_of_plain_files(folder: &Path) -> u64 {
    let mut size = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let metadata = fs::symlink_metadata(&path).expect("an entry");
        assert_eq!(metadata.mode() & 0o7_022, 0, "{path:?}");
        if metadata.is_dir() {
            size += size_of_plain_files(&path);
        } else {
            assert!(metadata.is_file(), "{path:?}");
            assert_eq!(metadata.mode() & 0o200, 0, "{path:?}");
            let read = File::open(&path).map(|_| metadata.len());
            size += read.expect("a file that its owner can read");
        }
    }
    size
}
