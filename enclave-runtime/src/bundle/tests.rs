use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o644)
}

pub(super) fn archive_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, stored()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn unpack_bytes(bytes: &[u8], limit: u64) -> (tempfile::TempDir, Result<u64, BundleError>) {
    let folder = tempfile::tempdir().unwrap();
    let mut incoming = Incoming::new(tempfile::tempfile().unwrap(), folder.path(), 50_000);
    incoming.write(bytes).unwrap();
    let result = incoming.unpack(folder.path(), limit);
    (folder, result)
}

fn rule_of(bytes: &[u8]) -> &'static str {
    match unpack_bytes(bytes, 1 << 20).1 {
        Err(BundleError::Refused { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

/// Replaces every occurrence: a name stands in the entry's own header and in the directory.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut found = 0;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + from.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found >= 2, "{found}");
    bytes
}

#[test]
fn files_are_unpacked_read_only() {
    let bytes = archive_of(&[("app.py", b"x = 1\n"), ("data/a/b.bin", &[7; 100_000])]);
    let (folder, result) = unpack_bytes(&bytes, 100_006);
    assert_eq!(result.unwrap(), 100_006);
    assert_eq!(fs::read(folder.path().join("app.py")).unwrap(), b"x = 1\n");
    assert_eq!(fs::read(folder.path().join("data/a/b.bin")).unwrap(), [7; 100_000]);
    let mode = fs::metadata(folder.path().join("app.py")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);
}

#[test]
fn what_would_be_too_large_is_not_written() {
    let bytes = archive_of(&[("a", &[0; 600]), ("b", &[0; 600])]);
    let (folder, result) = unpack_bytes(&bytes, 1000);
    assert!(matches!(result, Err(BundleError::TooLarge { size: 1200, limit: 1000 })));
    assert!(!folder.path().join("b").exists());
}

#[test]
fn paths_that_leave_the_folder_are_refused() {
    for name in ["../aa", "/aaaa", "a/../b"] {
        let plain: String = "x".repeat(name.len());
        let bytes = replaced(&archive_of(&[(&plain, b"1")]), plain.as_bytes(), name.as_bytes());
        assert!(rule_of(&bytes).contains("path"), "{name}");
    }
}

#[test]
fn a_name_given_twice_is_refused() {
    let bytes = replaced(&archive_of(&[("aaa1", b"1"), ("aaa2", b"2")]), b"aaa2", b"aaa1");
    assert_eq!(rule_of(&bytes), "a name given twice");
    let bytes = replaced(&archive_of(&[("aaaa", b"1"), ("aaaa.b", b"2")]), b"aaaa.b", b"aaaa/b");
    assert_eq!(rule_of(&bytes), "a file where a folder has to be");
}

#[test]
fn links_devices_and_special_bits_are_refused() {
    let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
    writer.add_symlink("link", "/etc/passwd", stored()).unwrap();
    assert_eq!(rule_of(&writer.finish().unwrap().into_inner()), "a regular file or a folder");
    // The mode stands in the upper half of the external attributes, the last field before the
    // offset of the entry's header (APPNOTE 4.3.12).
    let bytes = archive_of(&[("device", b"")]);
    for (mode, rule) in [
        (0o020_644_u32, "a regular file or a folder"),
        (0o060_644, "a regular file or a folder"),
        (0o010_644, "a regular file or a folder"),
        (0o104_755, "no set-user-id, set-group-id or sticky bit"),
        (0o102_755, "no set-user-id, set-group-id or sticky bit"),
    ] {
        let mut bytes = bytes.clone();
        let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[directory + 38..directory + 42].copy_from_slice(&(mode << 16).to_le_bytes());
        assert_eq!(rule_of(&bytes), rule, "{mode:o}");
    }
}

#[test]
fn compressed_entries_are_refused() {
    let mut bytes = archive_of(&[("a", b"content")]);
    // The method, in the entry's header and in the directory (APPNOTE 4.4.5).
    let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    bytes[8] = 8;
    bytes[directory + 10] = 8;
    assert!(unpack_bytes(&bytes, 1 << 20).1.is_err());
}

#[test]
fn altered_content_and_cut_archives_are_refused() {
    let bytes = archive_of(&[("aaaa", b"content")]);
    let mut altered = bytes.clone();
    let content = altered.windows(7).position(|window| window == b"content").unwrap();
    altered[content] ^= 1;
    assert_eq!(rule_of(&altered), "content that is not what its header says");
    for length in 0..bytes.len() {
        assert!(unpack_bytes(&bytes[..length], 1 << 20).1.is_err(), "{length}");
    }
}

#[test]
fn a_size_beyond_every_limit_is_one_of_its_own() {
    let bytes = archive_of(&[("aaaa", b"1"), ("bbbb", b"2")]);
    let mut lying = bytes.clone();
    let directory = lying.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    lying[directory + 20..directory + 28].fill(0xfe);
    assert!(unpack_bytes(&lying, 1 << 20).1.is_err());
}
