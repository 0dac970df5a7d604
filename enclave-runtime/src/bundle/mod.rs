//! Unpacks a bundle: a zip archive whose entries are stored, not compressed.
//!
//! A bundle is its author's word, so every limit is checked before the write that could break it.

mod end_record;
mod error;
mod folders;
mod incoming;
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
use incoming::Content;
pub(crate) use incoming::Incoming;
use path::relative_path;

/// The bits of a mode that say what kind of file it is.
const FILE_TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;

/// What content has to be.
const CONTENT: &str = "content that is not what its header says";

/// Set-user-id, set-group-id and sticky.
const SPECIAL_BITS: u32 = 0o7_000;

/// Unpacks `archive`, of which `contents` were taken out, into the existing, empty folder `into`; at
/// most `limit` bytes are unpacked. Returns how many were. Files are readable by everybody who sees the
/// folder, and writable by nobody.
fn unpack(archive: &mut File, contents: &[Content], into: &Path, limit: u64) -> Result<u64, BundleError> {
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
        let mode = if executable { 0o555 } else { 0o444 };
        match taken_out(&entry, contents, &name)? {
            Some(content) => content.name(&into.join(&path), mode).map_err(|error| not_made(error, &name))?,
            None => write_file(&mut entry, &into.join(&path), &name, mode)?,
        }
    }
    Ok(written)
}

/// The content of an entry, if it is one of those that were taken out.
fn taken_out<'a>(
    entry: &zip::read::ZipFile<'_, &mut File>,
    contents: &'a [Content],
    name: &str,
) -> Result<Option<&'a Content>, BundleError> {
    let not_its_own = || refused(Some(name.to_owned()), CONTENT);
    let start = entry.data_start().ok_or_else(not_its_own)?;
    let end = start.saturating_add(entry.size());
    let overlaps = |content: &&Content| content.start < end && start < content.start + content.size;
    let Some(content) = contents.iter().find(overlaps) else { return Ok(None) };
    let is_its_own = content.start == start && content.size == entry.size() && content.is(entry.crc32());
    if is_its_own { Ok(Some(content)) } else { Err(not_its_own()) }
}

/// What it means that a file could not be made.
fn not_made(error: io::Error, name: &str) -> BundleError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => refused(Some(name.to_owned()), "a name given twice"),
        _ => BundleError::Io(error),
    }
}

fn write_file(
    entry: &mut zip::read::ZipFile<'_, &mut File>,
    path: &Path,
    name: &str,
    mode: u32,
) -> Result<(), BundleError> {
    let expected = entry.size();
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(|error| not_made(error, name))?;
    let mut content = entry.take(expected + 1);
    let mut buffer = [0; 64 * 1024];
    let mut length = 0;
    loop {
        let count = content.read(&mut buffer).map_err(|error| match error.kind() {
            // The checksum of the entry, or its end.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                refused(Some(name.to_owned()), CONTENT)
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
    if length == expected { Ok(()) } else { Err(refused(Some(name.to_owned()), CONTENT)) }
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
mod tests;
