//! The end of a zip archive, checked strictly before a library looks for it.
//!
//! Readers of zip search for the end record, and go on to an earlier one when the last makes no
//! sense. So an archive could show its limits to one reader and exceed them in another. One whose
//! last record fits exactly leaves nothing to search for.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::error::{BundleError, refused};

/// Entries of one bundle, folders included.
const MAX_ENTRIES: u64 = 100_000;

/// Bytes of the archive's directory: 100,000 entries with names of 200 bytes stay below it.
const MAX_DIRECTORY_BYTES: u64 = 32 << 20;

/// Bytes of the end record without a comment (APPNOTE 4.3.16).
const END: usize = 22;

/// Bytes of the ZIP64 locator (APPNOTE 4.3.15).
const LOCATOR: usize = 20;

/// Bytes of the ZIP64 end record without extensions (APPNOTE 4.3.14).
const END_64: usize = 56;

/// What the end record, or the one of ZIP64, says of the directory.
struct Directory {
    entries: u64,
    entries_on_this_disk: u64,
    size: u64,
    offset: u64,
    /// Where the record itself stands.
    end: u64,
}

/// Checks that the archive ends with its end record, without a comment, and, where a field of that
/// is full, with the records of ZIP64 before it; that the directory ends where the record begins;
/// and that it is within the limits.
pub(super) fn check(archive: &mut File) -> Result<(), BundleError> {
    let directory = directory(archive)?;
    let fits = directory.offset.checked_add(directory.size) == Some(directory.end)
        && directory.entries == directory.entries_on_this_disk;
    if !fits {
        return Err(refused(None, "an archive whose end record fits its directory"));
    }
    if directory.entries > MAX_ENTRIES {
        return Err(refused(None, "at most 100,000 entries"));
    }
    if directory.size > MAX_DIRECTORY_BYTES {
        return Err(refused(None, "a directory of at most 32 MiB"));
    }
    let mut signature = [0; 4];
    archive.seek(SeekFrom::Start(directory.offset))?;
    archive.read_exact(&mut signature)?;
    if directory.entries > 0 && signature != *b"PK\x01\x02" {
        return Err(refused(None, "an archive whose end record fits its directory"));
    }
    Ok(())
}

fn directory(archive: &mut File) -> Result<Directory, BundleError> {
    let mut tail = [0; END_64 + LOCATOR + END];
    let length = archive.seek(SeekFrom::End(0))?;
    let available = tail.len().min(usize::try_from(length).unwrap_or(usize::MAX));
    let start = tail.len() - available;
    archive.seek(SeekFrom::Start(length - available as u64))?;
    archive.read_exact(&mut tail[start..])?;
    let (records_64, end) = tail.split_at(END_64 + LOCATOR);
    if !end.starts_with(b"PK\x05\x06") || word(end, 4) != 0 || word(end, 6) != 0 || word(end, 20) != 0 {
        return Err(refused(None, "an archive that ends with its end record"));
    }
    let directory = Directory {
        entries: word(end, 10),
        entries_on_this_disk: word(end, 8),
        size: double(end, 12),
        offset: double(end, 16),
        end: length - END as u64,
    };
    let (end_64, locator) = records_64.split_at(END_64);
    let is_full =
        directory.entries == 0xffff || directory.size == 0xffff_ffff || directory.offset == 0xffff_ffff;
    // 65,535 is also a number of entries.
    if !is_full || !locator.starts_with(b"PK\x06\x07") {
        return Ok(directory);
    }
    let end = (length - END as u64).saturating_sub((END_64 + LOCATOR) as u64);
    let whole = end_64.starts_with(b"PK\x06\x06")
        && quad(end_64, 4) == END_64 as u64 - 12
        && double(end_64, 16) == 0
        && double(end_64, 20) == 0
        && double(locator, 4) == 0
        && quad(locator, 8) == end
        && double(locator, 16) == 1;
    if !whole {
        return Err(refused(None, "an archive that ends with its end records"));
    }
    Ok(Directory {
        entries: quad(end_64, 32),
        entries_on_this_disk: quad(end_64, 24),
        size: quad(end_64, 40),
        offset: quad(end_64, 48),
        end,
    })
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn double(bytes: &[u8], at: usize) -> u64 {
    word(bytes, at) | word(bytes, at + 2) << 16
}

fn quad(bytes: &[u8], at: usize) -> u64 {
    double(bytes, at) | double(bytes, at + 4) << 32
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::tests::archive_of;
    use super::*;

    fn rule_of(bytes: &[u8]) -> &'static str {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        match check(&mut file) {
            Err(BundleError::Refused { entry: None, rule }) => rule,
            other => panic!("{other:?}"),
        }
    }

    fn end_64(entries: u64, size: u64, offset: u64) -> Vec<u8> {
        let mut record = b"PK\x06\x06".to_vec();
        record.extend(44_u64.to_le_bytes());
        record.extend([0; 12]);
        for value in [entries, entries, size, offset] {
            record.extend(value.to_le_bytes());
        }
        record
    }

    fn locator(offset: u64) -> Vec<u8> {
        [&b"PK\x06\x07\0\0\0\0"[..], &offset.to_le_bytes(), &[1, 0, 0, 0]].concat()
    }

    #[test]
    fn an_archive_that_goes_on_or_names_other_disks_is_refused() {
        let bytes = archive_of(&[("a", b"1")]);
        let end = bytes.len() - 22;
        assert_eq!(rule_of(&[&bytes[..], b"\0"].concat()), "an archive that ends with its end record");
        assert_eq!(rule_of(b""), "an archive that ends with its end record");
        for at in [4, 6, 20] {
            let mut bytes = bytes.clone();
            bytes[end + at] = 1;
            assert_eq!(rule_of(&bytes), "an archive that ends with its end record", "{at}");
        }
    }

    #[test]
    fn a_last_record_that_does_not_fit_leads_to_no_earlier_one() {
        let bytes = archive_of(&[("a", b"1")]);
        let end = bytes[bytes.len() - 22..].to_vec();
        for (at, value) in [(8, 2), (10, 2), (12, end[12] + 1), (16, end[16] + 1)] {
            let mut second = end.clone();
            second[at] = value;
            let bytes = [&bytes[..], &second].concat();
            assert_eq!(rule_of(&bytes), "an archive whose end record fits its directory", "{at}");
        }
    }

    #[test]
    fn exactly_as_many_entries_as_fill_the_field_need_no_zip64() {
        let names: Vec<String> = (0..65_535).map(|index| format!("{index:x}")).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let bytes = archive_of(&entries);
        let (front, end) = bytes.split_at(bytes.len() - 22);
        let (size, offset) = (double(end, 12), double(end, 16));
        // As Python writes it, whether or not the writer of the tests has put ZIP64 records in.
        let plain = [&front[..usize::try_from(offset + size).unwrap()], end].concat();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&plain).unwrap();
        check(&mut file).unwrap();
        assert_eq!(zip::ZipArchive::new(&mut file).unwrap().len(), 65_535);
    }

    #[test]
    fn a_directory_of_too_many_entries_is_refused_before_it_is_read() {
        let bytes = archive_of(&[("a", b"1")]);
        let (front, end) = bytes.split_at(bytes.len() - 22);
        let (size, offset) = (double(end, 12), double(end, 16));
        let mut full = end.to_vec();
        full[8..12].fill(0xff);
        let with = |end_64: Vec<u8>, locator: Vec<u8>| [front, &end_64, &locator, &full].concat();
        let place = front.len() as u64;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&with(end_64(1, size, offset), locator(place))).unwrap();
        check(&mut file).unwrap();
        assert_eq!(rule_of(&with(end_64(100_001, size, offset), locator(place))), "at most 100,000 entries");
        for (end_64, locator) in [
            (end_64(1, size, offset), locator(place + 1)),
            (end_64(1, size, offset)[..55].to_vec(), locator(place)),
            (Vec::new(), locator(place)),
        ] {
            assert_eq!(rule_of(&with(end_64, locator)), "an archive that ends with its end records");
        }
        let rule = rule_of(&with(end_64(1, size, offset), vec![0; 20]));
        assert_eq!(rule, "an archive whose end record fits its directory");
    }
}
