//! The runtime's unpacking of a function: nothing is written outside the folder, nothing beyond the
//! limit, and nothing that is not a plain file of the owner's; and the same whether contents are taken
//! out of the archive as it comes or not.

// The runtime is a binary; this is the one of its readers that takes a file of a stranger's as it is.
#[allow(dead_code, unreachable_pub, reason = "the runtime uses all of it")]
#[path = "../../../enclave-runtime/src/bundle/mod.rs"]
mod unpacking;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

const LIMIT: u64 = 16 * 1024;

pub(crate) fn check(input: &[u8]) {
    let whole = unpacked(input, u64::MAX);
    // Where contents are taken out, a header that says something else than the directory is refused.
    if let Some(taken_out) = unpacked(input, 1) {
        assert!(Some(taken_out) == whole);
    }
}

/// The files that were unpacked, unless the archive is refused; contents of `large` bytes and more are
/// taken out of it.
fn unpacked(input: &[u8], large: u64) -> Option<BTreeMap<PathBuf, Vec<u8>>> {
    let around = tempfile::tempdir().expect("a folder");
    // Deep enough for names that climb more than one step.
    let folder = around.path().join("1/2/3/folder");
    fs::create_dir_all(&folder).expect("a folder");
    let archive = tempfile::tempfile_in(around.path()).expect("a file");
    let mut incoming = unpacking::Incoming::new(archive, around.path(), large);
    input.chunks(1000).try_for_each(|piece| incoming.write(piece)).expect("an archive");
    let unpacked = incoming.unpack(&folder, LIMIT);
    let mut files = BTreeMap::new();
    read_plain_files(&folder, Path::new(""), &mut files);
    let size: usize = files.values().map(Vec::len).sum();
    let size = size as u64;
    assert!(size <= LIMIT, "{size} bytes");
    if let Ok(written) = unpacked {
        assert_eq!(written, size);
    }
    for above in folder.ancestors().skip(1).take(4) {
        let beside: Vec<_> = fs::read_dir(above).expect("a folder").collect();
        assert_eq!(beside.len(), 1, "{beside:?}");
    }
    unpacked.is_ok().then_some(files)
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

fn read_plain_files(folder: &Path, name: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder.join(name)).expect("a folder") {
        let name = name.join(entry.expect("an entry").file_name());
        let path = folder.join(&name);
        let metadata = fs::symlink_metadata(&path).expect("an entry");
        assert_eq!(metadata.mode() & 0o7_022, 0, "{path:?}");
        if metadata.is_dir() {
            read_plain_files(folder, &name, files);
        } else {
            assert!(metadata.is_file(), "{path:?}");
            assert_eq!(metadata.mode() & 0o200, 0, "{path:?}");
            files.insert(name, fs::read(&path).expect("a file that its owner can read"));
        }
    }
}
