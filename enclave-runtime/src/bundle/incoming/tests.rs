use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use super::super::tests::archive_of;
use super::*;

/// The names, modes and contents of what is unpacked, or the rule that was broken.
type Unpacked = Result<BTreeMap<String, (u32, Vec<u8>)>, String>;

fn unpack(bytes: &[u8], piece: usize, large: u64) -> Unpacked {
    let folder = tempfile::tempdir().unwrap();
    incoming(bytes, piece, large).unpack(folder.path(), 1 << 20).map_err(|error| error.to_string())?;
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, (path.metadata().unwrap().mode() & 0o7777, fs::read(path).unwrap()))
    });
    Ok(files.collect())
}

fn incoming(bytes: &[u8], piece: usize, large: u64) -> Incoming {
    let mut incoming = Incoming::new(tempfile::tempfile().unwrap(), &std::env::temp_dir(), large);
    bytes.chunks(piece).for_each(|piece| incoming.write(piece).unwrap());
    incoming
}

#[test]
fn what_is_unpacked_does_not_depend_on_pieces_or_on_what_is_taken_out() {
    let archive = archive_of(&[("a", b"0123456789"), ("b", b""), ("c", b"x"), ("d", &[7; 300])]);
    let whole = unpack(&archive, archive.len(), u64::MAX);
    assert_eq!(whole.as_ref().unwrap()["a"], (0o444, b"0123456789".to_vec()));
    for large in [1, 10, 11, 300] {
        for piece in [1, 2, 29, 30, 31, 100, archive.len()] {
            assert_eq!(unpack(&archive, piece, large), whole, "{large} {piece}");
        }
    }
}

#[test]
fn a_large_content_is_not_stored_twice() {
    let archive = archive_of(&[("a", b"0123456789"), ("b", b"012345678"), ("c", b"0123456789")]);
    let incoming = incoming(&archive, 7, 10);
    let taken: Vec<_> = incoming.contents.iter().map(|content| (content.start, content.size)).collect();
    let first = archive.windows(10).position(|window| window == b"0123456789").unwrap() as u64;
    let last = archive.windows(10).rposition(|window| window == b"0123456789").unwrap() as u64;
    assert_eq!(taken, [(first, 10), (last, 10)]);
    let mut kept = [1; 10];
    incoming.archive.read_exact_at(&mut kept, first).unwrap();
    assert_eq!(kept, [0; 10]);
}

#[test]
fn what_is_beyond_the_most_contents_stays_in_the_archive() {
    let names: Vec<_> = (0..=MOST).map(|number| number.to_string()).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
    let archive = archive_of(&entries);
    assert_eq!(incoming(&archive, 100, 1).contents.len(), MOST);
    assert_eq!(unpack(&archive, 100, 1).unwrap().len(), MOST + 1);
}

#[test]
fn content_that_is_altered_is_refused() {
    let mut archive = archive_of(&[("a", b"0123456789")]);
    let content = archive.windows(10).position(|window| window == b"0123456789").unwrap();
    archive[content + 9] ^= 1;
    assert!(unpack(&archive, 7, 1).unwrap_err().contains(super::super::CONTENT));
}

#[test]
fn content_of_another_size_than_the_directory_says_is_refused() {
    // The sizes in the header that is in front of the content, which is taken to be longer or
    // shorter than it is.
    let archive = archive_of(&[("a", b"0123456789"), ("b", b"0123456789")]);
    for size in [9_u32, 11, 60, 1 << 19] {
        let mut lying = archive.clone();
        lying[18..22].copy_from_slice(&size.to_le_bytes());
        lying[22..26].copy_from_slice(&size.to_le_bytes());
        assert!(unpack(&lying, 7, 1).is_err(), "{size}");
    }
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "").unwrap();
    let refused = incoming(&archive_of(&[("a", b"content")]), 7, 1).unpack(folder.path(), 100);
    assert!(refused.unwrap_err().to_string().contains("a name given twice"));
}
