use cape_eif::cpio::{Content, Device, Entries, Entry, EntryKind, Error, NameDefect, Tree};

/// The fields behind the magic, of a file without content.
const FIELDS: [u32; 13] = [7, 0o100_644, 1000, 100, 1, 1_700_000_000, 0, 8, 1, 0, 0, 0, 0];
const INODE: usize = 0;
const MODE: usize = 1;
const LINKS: usize = 4;
const SIZE: usize = 6;
const DISK: usize = 8;
const NAME_SIZE: usize = 11;

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn entry_with(fields: [u32; 13], name: &[u8], content: &[u8]) -> Vec<u8> {
    let digits: String = fields.iter().map(|field| format!("{field:08X}")).collect();
    let head = [b"070701", digits.as_bytes(), name].concat();
    [padded(head), padded(content.to_vec())].concat()
}

/// An entry with the sizes of its name and content.
fn entry(mode: u32, name: &str, content: &[u8]) -> Vec<u8> {
    let mut fields = FIELDS;
    fields[MODE] = mode;
    fields[SIZE] = u32::try_from(content.len()).unwrap();
    fields[NAME_SIZE] = u32::try_from(name.len() + 1).unwrap();
    entry_with(fields, format!("{name}\0").as_bytes(), content)
}

fn end() -> Vec<u8> {
    entry(0, "TRAILER!!!", b"")
}

fn read(archive: &[u8]) -> Result<Vec<Entry>, Error> {
    Entries::new(archive).collect()
}

/// The one entry of an archive.
fn one(entry: Vec<u8>) -> Result<Entry, Error> {
    read(&[entry, end()].concat()).map(|entries| entries[0].clone())
}

#[test]
fn every_type_of_file_is_told() {
    let mut fields = FIELDS;
    fields[NAME_SIZE] = 2;
    (fields[9], fields[10]) = (259, 7);
    let device = Device { major: 259, minor: 7 };
    for (mode, kind) in [
        (0o010_644, EntryKind::Fifo),
        (0o020_644, EntryKind::CharacterDevice(device)),
        (0o040_644, EntryKind::Directory),
        (0o060_644, EntryKind::BlockDevice(device)),
        (0o140_644, EntryKind::Socket),
    ] {
        fields[MODE] = mode;
        assert_eq!(one(entry_with(fields, b"x\0", b"")).unwrap().kind, kind);
    }
    let link = one(entry(0o120_777, "x", b"../y")).unwrap();
    assert_eq!(link.kind, EntryKind::Symlink { target: "../y".to_owned() });
    let file = one(entry(0o104_755, "a b", b"abc")).unwrap();
    let sha256 = cape_core::crypto::sha256(&[b"abc"]);
    assert_eq!(
        file,
        Entry {
            name: "a b".to_owned(),
            kind: EntryKind::File { size: 3, sha256 },
            permissions: 0o4755,
            user: 1000,
            group: 100,
            modified: 1_700_000_000,
            inode: 7,
            links: 1,
        }
    );
}

#[test]
fn digits_are_of_either_case_and_zeros_may_follow_the_end() {
    let archive = [entry(0o100_644, "x", b""), end(), vec![0; 512]].concat();
    let lower = archive.to_ascii_lowercase();
    let lower = String::from_utf8(lower).unwrap().replace("trailer", "TRAILER");
    assert_eq!(read(&archive).unwrap(), read(lower.as_bytes()).unwrap());
}

#[test]
fn the_root_is_told() {
    assert_eq!(one(entry(0o040_755, ".", b"")).unwrap().name, ".");
}

/// The kernel takes files for one that have the type, the disk and the number of one before, if both say that they have
/// several links: the content of the later is written over that of the earlier.
#[test]
fn a_file_has_one_name() {
    let with = |name: &[u8], changes: &[(usize, u32)]| {
        let mut fields = FIELDS;
        (fields[LINKS], fields[NAME_SIZE]) = (2, 2);
        changes.iter().for_each(|(field, value)| fields[*field] = *value);
        entry_with(fields, name, b"")
    };
    let after_x = |y: Vec<u8>| read(&[with(b"x\0", &[]), y, end()].concat());
    let error = after_x(with(b"y\0", &[])).unwrap_err();
    assert!(matches!(error, Error::HardLink { offset: 112, name } if name == "y"));
    for another in
        [&[(INODE, 8)][..], &[(LINKS, 1)], &[(DISK, 2)], &[(MODE, 0o010_644)], &[(MODE, 0o040_755)]]
    {
        assert_eq!(after_x(with(b"y\0", another)).unwrap().len(), 2, "{another:?}");
    }
    for mode in [0o010_644, 0o020_644, 0o060_644, 0o140_644] {
        let twice = [with(b"x\0", &[(MODE, mode)]), with(b"y\0", &[(MODE, mode)]), end()].concat();
        assert!(matches!(read(&twice), Err(Error::HardLink { .. })), "{mode:o}");
    }
}

/// The kernel leaves out what has no directory, and follows a link that is in its place.
#[test]
fn what_is_above_an_entry_is_a_directory_before_it() {
    let (directory, inner) = (entry(0o040_755, "a", b""), entry(0o100_644, "a/x", b""));
    assert_eq!(read(&[directory.clone(), inner.clone(), end()].concat()).unwrap().len(), 2);
    for (above, offset) in [
        (vec![], 0),
        (entry(0o120_777, "a", b".."), 116),
        (entry(0o100_644, "a", b""), 112),
        (entry(0o040_755, "b", b""), 112),
    ] {
        let error = read(&[above, inner.clone(), directory.clone(), end()].concat()).unwrap_err();
        assert!(matches!(error, Error::NoDirectory { offset: at, name } if at == offset && name == "a/x"));
    }
}

#[test]
fn names_do_not_leave_the_root() {
    for (name, expected) in [
        ("/etc/passwd", NameDefect::Absolute),
        ("../x", NameDefect::Component),
        ("a/../../x", NameDefect::Component),
        ("./x", NameDefect::Component),
        ("a//x", NameDefect::Component),
        (".", NameDefect::Component),
        ("", NameDefect::Empty),
        ("a\0b", NameDefect::Nul),
        (&"a".repeat(4096), NameDefect::TooLong),
    ] {
        let error = one(entry(0o100_644, name, b"")).unwrap_err();
        assert!(
            matches!(error, Error::Name { offset: 0, defect } if defect == expected),
            "{name}: {error:?}"
        );
    }
    let mut fields = FIELDS;
    fields[NAME_SIZE] = 3;
    let error = one(entry_with(fields, b"\xff\xff\0", b"")).unwrap_err();
    assert!(matches!(error, Error::Name { defect: NameDefect::NotUtf8, .. }));
    assert!(matches!(one(entry_with(fields, b"abc", b"")), Err(Error::Padding { offset: 112 })));
    fields[NAME_SIZE] = 0;
    let error = one(entry_with(fields, b"", b"")).unwrap_err();
    assert!(matches!(error, Error::Name { defect: NameDefect::Empty, .. }));
    // Nothing is allocated for what is not there.
    fields[NAME_SIZE] = u32::MAX;
    let error = one(entry_with(fields, b"x\0", b"")).unwrap_err();
    assert!(matches!(error, Error::Name { defect: NameDefect::TooLong, .. }));
}

#[test]
fn a_name_comes_once() {
    let archive = [entry(0o100_644, "x", b"1"), entry(0o100_644, "x", b"2"), end()].concat();
    let error = read(&archive).unwrap_err();
    assert!(matches!(error, Error::DuplicateName { offset: 116, name } if name == "x"));
}

#[test]
fn only_files_and_links_have_content() {
    for mode in [0o010_644, 0o020_644, 0o040_755, 0o060_644, 0o140_644] {
        let error = one(entry(mode, "x", b"1234")).unwrap_err();
        assert!(matches!(error, Error::Content { offset: 0, found: 4 }), "{mode:o}");
    }
    let error = read(&entry(0, "TRAILER!!!", b"1234")).unwrap_err();
    assert!(matches!(error, Error::Content { offset: 0, found: 4 }));
    for target in [&b""[..], b"a\0", b"\xff", &[b'a'; 4096]] {
        let error = one(entry(0o120_777, "x", target)).unwrap_err();
        assert!(matches!(error, Error::Target { offset: 0 }), "{error:?}");
    }
}

#[test]
fn modes_are_those_of_files() {
    for mode in [0, 0o644, 0o030_644, 0o150_644, 0o170_644, 0o300_644, u32::MAX] {
        let error = one(entry(mode, "x", b"")).unwrap_err();
        assert!(matches!(error, Error::Mode { offset: 0, found } if found == mode), "{mode:o}");
    }
}

#[test]
fn an_entry_begins_with_its_magic_and_has_digits() {
    let file = entry(0o100_644, "x", b"");
    for magic in [b"070702", b"070707", b"\xc7\x71\0\0\0\0", b"\x1f\x8b\x08\0\0\0"] {
        let other = [magic, &file[6..]].concat();
        assert!(matches!(one(other), Err(Error::Magic { offset: 0, found }) if found == *magic));
    }
    for text in [b"0000000g", b"+0000001", b" 0000001", b"0x000001", b"0000001\0"] {
        let mut other = file.clone();
        other[14..22].copy_from_slice(text);
        assert!(matches!(one(other), Err(Error::Field { offset: 14, found }) if found == *text));
    }
}

#[test]
fn what_is_not_used_is_zero() {
    let mut fields = FIELDS;
    (fields[NAME_SIZE], fields[12]) = (2, 1);
    assert!(matches!(one(entry_with(fields, b"x\0", b"")), Err(Error::Padding { offset: 102 })));
    let mut file = entry(0o100_644, "xyz", b"1");
    *file.last_mut().unwrap() = 1;
    assert!(matches!(one(file), Err(Error::Padding { offset: 119 })));
    let two = [end(), end()].concat();
    assert!(matches!(read(&two), Err(Error::Padding { offset: 124 })));
}

#[test]
fn each_truncation_is_refused() {
    let mut tree = Tree::new();
    tree.directory("dev", 0o755).unwrap();
    tree.file("init", 0o755, Content::Bytes(b"12345".to_vec())).unwrap();
    let mut archive = Vec::new();
    tree.write(&mut archive).unwrap();
    for length in 0..archive.len() {
        let error = read(&archive[..length]).unwrap_err();
        let expected = u64::try_from(length).unwrap();
        assert!(matches!(error, Error::Truncated { offset } if offset == expected), "{length}: {error:?}");
    }
}

#[test]
fn after_an_error_there_is_nothing_more() {
    let archive = [entry(0o100_644, "x", b""), b"07070X".to_vec(), end()].concat();
    let mut entries = Entries::new(archive.as_slice());
    assert!(entries.next().unwrap().is_ok());
    assert!(entries.next().unwrap().is_err());
    assert!(entries.next().is_none());
}

/// The most names are 2^20, and the most bytes of them 2^26.
#[test]
fn names_are_limited() {
    let long = |index: usize| format!("{index:04095}");
    let archive: Vec<u8> = (0..16_400).flat_map(|index| entry(0o040_755, &long(index), b"")).collect();
    let count = Entries::new(archive.as_slice()).take_while(Result::is_ok).count();
    assert_eq!(count, (1 << 26) / 4095);
    assert!(matches!(read(&archive), Err(Error::TooManyNames { .. })));
}

#[test]
fn contents_are_those_of_the_names_that_are_asked_for() {
    let archive = [
        entry(0o100_644, "one", b"1"),
        entry(0o120_777, "link", b"one"),
        entry(0o100_644, "two", b"22"),
        end(),
    ]
    .concat();
    let contents = |names: &[&str]| Entries::new(archive.as_slice()).contents(names).unwrap();
    let expected = [("one".to_owned(), b"1".to_vec()), ("two".to_owned(), b"22".to_vec())];
    assert_eq!(contents(&["two", "one"]), expected.into());
    assert_eq!(contents(&["link", "missing"]), [].into());
    let broken = &archive[..archive.len() - 8];
    assert!(matches!(Entries::new(broken).contents(&["one"]), Err(Error::Truncated { .. })));
}

#[test]
fn a_content_of_more_than_a_mebibyte_is_not_held() {
    let large = vec![b'x'; (1 << 20) + 1];
    let archive = [entry(0o100_644, "large", &large), end()].concat();
    let contents = |names: &[&str]| Entries::new(archive.as_slice()).contents(names);
    assert!(contents(&["other"]).unwrap().is_empty());
    let error = contents(&["large"]).unwrap_err();
    assert_eq!(error.to_string(), "the file at byte 0 has 1048577 bytes, more than 1048576");
    let fits = [entry(0o100_644, "large", &large[1..]), end()].concat();
    assert_eq!(Entries::new(fits.as_slice()).contents(&["large"]).unwrap()["large"].len(), 1 << 20);
}
