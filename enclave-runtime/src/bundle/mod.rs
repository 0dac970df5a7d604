//! Unpacks a bundle: a zip archive whose entries are stored, not compressed.
//!
//! A bundle is its author's word, so every limit is checked before the write that could break it.

mod end_record;
mod error;
mod folders;
mod path;

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zip::read::{ArchiveOffset, Config, ZipArchive};

pub(crate) use error::BundleError;
use error::refused;
use folders::Folders;
use path::relative_path;

/// The bits of a mode that say what kind of file it is.
const FILE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;

/// Set-user-id, set-group-id and sticky.
const SPECIAL_BITS: u32 = 0o7_000;

/// Unpacks `archive` into the existing, empty folder `into`; at most `limit` bytes are written.
/// Returns how many were. Files are readable by everybody who sees the folder, and writable by nobody.
pub(crate) fn unpack(archive: &mut File, into: &Path, limit: u64) -> Result<u64, BundleError> {
    end_record::check(archive)?;
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut archive = ZipArchive::with_config(config, archive)?;
    if archive.has_duplicate_names() {
        return Err(refused(None, "a name given twice"));
    }
    if archive.has_overlapping_entries()? {
        return Err(refused(None, "entries that overlap"));
    }
    let mut names = HashSet::new();
    let mut folders = Folders::new(into, folders::LIMIT);
    let mut written = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let is_folder = name.ends_with('/');
        let path = relative_path(&name)?;
        let executable = check_attributes(&name, &entry, is_folder)?;
        // `a` and `a/` are two names in the archive and one in the folder.
        if !names.insert(path.clone()) {
            return Err(refused(Some(name), "a name given twice"));
        }
        if is_folder {
            folders.make(&path, &name)?;
            continue;
        }
        let size = entry.size().saturating_add(written);
        if size > limit {
            return Err(BundleError::TooLarge { size, limit });
        }
        written = size;
        if let Some(parent) = path.parent() {
            folders.make(parent, &name)?;
        }
        write_file(&mut entry, &into.join(&path), &name, executable)?;
    }
    Ok(written)
}

fn write_file(
    entry: &mut zip::read::ZipFile<'_, &mut File>,
    path: &Path,
    name: &str,
    executable: bool,
) -> Result<(), BundleError> {
    let expected = entry.size();
    let mode = if executable { 0o555 } else { 0o444 };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(|error| match error
            .kind()
        {
            io::ErrorKind::AlreadyExists => refused(Some(name.to_owned()), "a name given twice"),
            _ => BundleError::Io(error),
        })?;
    let mut content = entry.take(expected + 1);
    let mut buffer = [0; 64 * 1024];
    let mut length = 0;
    loop {
        let count = content.read(&mut buffer).map_err(|error| match error.kind() {
            // The checksum of the entry, or its end.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                refused(Some(name.to_owned()), "content that is not what its header says")
            }
            _ => BundleError::Io(error),
        })?;
        if count == 0 {
            break;
        }
        length += count as u64;
        if length > expected {
            break;
        }
        file.write_all(&buffer[..count])?;
    }
    if length == expected {
        Ok(())
    } else {
        Err(refused(Some(name.to_owned()), "content that is not what its header says"))
    }
}

/// Checks what an entry's attributes say it is; returns whether it may be executed.
fn check_attributes(
    name: &str,
    entry: &zip::read::ZipFile<'_, &mut File>,
    is_folder: bool,
) -> Result<bool, BundleError> {
    let rule = |rule| Err(refused(Some(name.to_owned()), rule));
    if entry.encrypted() || entry.compression() != zip::CompressionMethod::Stored {
        return rule("stored, neither compressed nor encrypted");
    }
    if entry.compressed_size() != entry.size() || (is_folder && entry.size() != 0) {
        return rule("a size that fits its kind");
    }
    // The upper half is the mode where a Unix wrote the archive, and nothing elsewhere (APPNOTE 4.4.15).
    let mode = entry.external_attributes() >> 16;
    let expected = if is_folder { FOLDER } else { REGULAR };
    if mode & FILE_TYPE != 0 && mode & FILE_TYPE != expected {
        return rule("a regular file or a folder");
    }
    if mode & SPECIAL_BITS != 0 {
        return rule("no set-user-id, set-group-id or sticky bit");
    }
    Ok(!is_folder && mode & 0o100 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
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
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let result = unpack(&mut file, folder.path(), limit);
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
}
