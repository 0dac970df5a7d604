use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use cape_eif::cpio::{Content, Device, Entries, EntryKind, NameDefect, Tree, TreeError};

fn bytes(text: &str) -> Content {
    Content::Bytes(text.as_bytes().to_vec())
}

fn written(tree: &Tree) -> Vec<u8> {
    let mut archive = Vec::new();
    tree.write(&mut archive).unwrap();
    archive
}

#[test]
fn an_archive_has_these_bytes() {
    let mut tree = Tree::new();
    tree.symlink("sh", "bin/busybox").unwrap();
    tree.directory("dev", 0o755).unwrap();
    tree.character_device("dev/console", 0o600, Device::CONSOLE).unwrap();
    tree.file("init", 0o755, bytes("#!sh\n")).unwrap();
    let expected = "\
        070701000000010000\
        41ed000000000000000000000002000000000000000000000000000000000000000000000000000000040000\
        0000dev\0\0\0\
        070701000000020000\
        21800000000000000000000000010000000000000000000000000000000000000005000000010000000c0000\
        0000dev/console\0\0\0\
        070701000000030000\
        81ed000000000000000000000001000000000000000500000000000000000000000000000000000000050000\
        0000init\0\0#!sh\n\0\0\0\
        070701000000040000\
        a1ff000000000000000000000001000000000000000b00000000000000000000000000000000000000030000\
        0000sh\0\0\0\0bin/busybox\0\
        070701000000000000\
        00000000000000000000000000010000000000000000000000000000000000000000000000000000000b0000\
        0000TRAILER!!!\0\0\0\0";
    assert_eq!(String::from_utf8(written(&tree)).unwrap(), expected);
}

#[test]
fn the_order_in_which_entries_were_added_does_not_matter() {
    let add: [fn(&mut Tree); 3] = [
        |tree| tree.file("a-b", 0o644, bytes("1")).unwrap(),
        |tree| {
            tree.directory("a", 0o700).unwrap();
            tree.file("a/b", 0o4755, bytes("2")).unwrap();
        },
        |tree| tree.symlink("A", "a").unwrap(),
    ];
    let archive = |order: [usize; 3]| {
        let mut tree = Tree::new();
        order.into_iter().for_each(|index| add[index](&mut tree));
        written(&tree)
    };
    let first = archive([0, 1, 2]);
    assert_eq!(archive([2, 1, 0]), first);
    assert_eq!(archive([1, 2, 0]), first);
    let entries: Vec<_> = Entries::new(first.as_slice()).map(Result::unwrap).collect();
    let named: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.permissions)).collect();
    assert_eq!(named, [("A", 0o777), ("a", 0o700), ("a-b", 0o644), ("a/b", 0o4755)]);
}

#[test]
fn an_entry_belongs_to_whom_it_is_given_to() {
    let mut tree = Tree::new();
    tree.directory("home", 0o755).unwrap();
    tree.directory("home/user", 0o700).unwrap();
    tree.give_to("home/user", 1000, 1001).unwrap();
    let owners: Vec<_> = Entries::new(written(&tree).as_slice())
        .map(Result::unwrap)
        .map(|entry| (entry.name, entry.user, entry.group))
        .collect();
    assert_eq!(owners, [("home".to_owned(), 0, 0), ("home/user".to_owned(), 1000, 1001)]);
    assert!(matches!(tree.give_to("home/other", 0, 0), Err(TreeError::NoEntry { .. })));
}

#[test]
fn what_the_kernel_would_leave_out_is_not_added() {
    let mut tree = Tree::new();
    tree.directory("a", 0o755).unwrap();
    tree.file("file", 0o644, bytes("")).unwrap();
    tree.symlink("link", "a").unwrap();
    let mut refused = |name: &str| tree.file(name, 0o644, bytes("")).unwrap_err();
    for name in ["missing/x", "a/b/c", "file/x", "link/x"] {
        assert!(matches!(refused(name), TreeError::NoDirectory { .. }), "{name}");
    }
    assert!(matches!(refused("a"), TreeError::NameTaken { .. }));
    assert!(matches!(refused("../x"), TreeError::Name { defect: NameDefect::Component, .. }));
    assert!(matches!(refused("TRAILER!!!"), TreeError::Name { defect: NameDefect::Trailer, .. }));
    let permissions = tree.directory("b", 0o10_000).unwrap_err();
    assert!(matches!(permissions, TreeError::Permissions { found: 0o10_000, .. }));
    for target in ["", "a\0", &"a".repeat(4096)] {
        assert!(matches!(tree.symlink("b", target), Err(TreeError::Target { .. })));
    }
}

fn populate(folder: &Path, modes: [u32; 4]) {
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let (inner, program, text) = (folder.join("inner"), folder.join("inner/program"), folder.join("text"));
    fs::create_dir_all(&inner).unwrap();
    fs::write(&program, "#!").unwrap();
    fs::write(&text, "text").unwrap();
    symlink("../nowhere", folder.join("inner/link")).unwrap();
    set(&program, modes[0]);
    set(&text, modes[1]);
    set(&inner, modes[2]);
    set(folder, modes[3]);
}

#[test]
fn a_folder_gives_the_same_on_another_path_and_under_another_umask() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    populate(one.path(), [0o755, 0o644, 0o755, 0o755]);
    populate(&other.path().join("elsewhere"), [0o6700, 0o600, 0o1700, 0o700]);
    let archive = |folder: &Path| {
        let mut tree = Tree::new();
        tree.directory("usr", 0o755).unwrap();
        tree.folder("usr", folder).unwrap();
        written(&tree)
    };
    let first = archive(one.path());
    assert_eq!(archive(&other.path().join("elsewhere")), first);
    let entries = Entries::new(first.as_slice()).map(Result::unwrap);
    let named: Vec<_> = entries.map(|entry| (entry.name, entry.permissions)).collect();
    let expected = [
        ("usr", 0o755),
        ("usr/inner", 0o755),
        ("usr/inner/link", 0o777),
        ("usr/inner/program", 0o755),
        ("usr/text", 0o644),
    ];
    assert_eq!(named, expected.map(|(name, permissions)| (name.to_owned(), permissions)));
}

#[test]
fn a_folder_may_be_the_root_and_is_told_with_its_path_where_it_cannot_be_added() {
    let folder = tempfile::tempdir().unwrap();
    populate(folder.path(), [0o755; 4]);
    let mut tree = Tree::new();
    tree.folder("", folder.path()).unwrap();
    let entries: Vec<_> = Entries::new(written(&tree).as_slice()).map(Result::unwrap).collect();
    assert_eq!(entries[0].name, "inner");
    assert_eq!(entries[1].kind, EntryKind::Symlink { target: "../nowhere".to_owned() });

    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let refused = Tree::new().folder("", folder.path()).unwrap_err();
    assert!(matches!(refused, TreeError::Type { path } if path == socket));
    let missing = Tree::new().folder("", &folder.path().join("missing")).unwrap_err();
    assert!(missing.to_string().contains("missing: No such file"), "{missing}");
}

#[test]
fn a_file_is_read_when_the_archive_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "1").unwrap();
    let mut tree = Tree::new();
    tree.file("file", 0o644, Content::File(path.clone())).unwrap();
    fs::write(&path, "22").unwrap();
    let archive = written(&tree);
    let entry = Entries::new(archive.as_slice()).next().unwrap().unwrap();
    assert!(matches!(entry.kind, EntryKind::File { size: 2, .. }));
    fs::remove_file(&path).unwrap();
    let error = tree.write(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().starts_with(path.to_str().unwrap()));
}

#[test]
fn a_file_may_be_a_part_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "before, here, after").unwrap();
    let part = |offset, size| {
        let mut tree = Tree::new();
        tree.file("part", 0o644, Content::Part { path: path.clone(), offset, size }).unwrap();
        let mut archive = Vec::new();
        tree.write(&mut archive).map(|()| archive)
    };
    let mut whole = Tree::new();
    whole.file("part", 0o644, bytes("here")).unwrap();
    assert_eq!(part(8, 4).unwrap(), written(&whole));
    let error = part(14, 6).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: its size changed while it was read", path.display()));
}

/// A header has 32 bits for it. The file has no blocks on the disk.
#[test]
fn a_file_of_four_gibibytes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    fs::File::create(&path).unwrap().set_len(1 << 32).unwrap();
    let mut tree = Tree::new();
    tree.file("large", 0o644, Content::File(path)).unwrap();
    let mut archive = Vec::new();
    assert_eq!(tree.write(&mut archive).unwrap_err().kind(), std::io::ErrorKind::FileTooLarge);
    assert!(archive.is_empty());
}

/// Such as files of `/proc`, whose size is said to be 0.
#[test]
fn a_file_of_another_size_than_it_says_is_refused() {
    let mut tree = Tree::new();
    tree.file("version", 0o644, Content::File("/proc/version".into())).unwrap();
    let error = tree.write(&mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "/proc/version: its size changed while it was read");
}
