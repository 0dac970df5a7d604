//! `cape-eif` and GNU cpio read each other's archives alike. What is asked is the program `cpio`.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use cape_core::crypto::sha256;
use cape_eif::cpio::{Content, Device, Entries, Entry, EntryKind, Error, Tree};

fn cpio(arguments: &[&str], folder: &Path, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("cpio")
        .args(arguments)
        .arg("--quiet")
        .current_dir(folder)
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program cpio");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn tree(with_device: bool) -> Vec<u8> {
    let mut tree = Tree::new();
    for directory in ["bin", "dev", "etc"] {
        tree.directory(directory, 0o755).unwrap();
    }
    tree.directory("root", 0o1700).unwrap();
    for size in 0..9 {
        let content = Content::Bytes(vec![b'x'; size]);
        tree.file(&format!("etc/{}", "n".repeat(size + 1)), 0o640, content).unwrap();
    }
    tree.file("bin/sh", 0o4755, Content::Bytes(vec![7; 100_000])).unwrap();
    tree.symlink("bin/bash", "sh").unwrap();
    tree.give_to("etc/nnnn", 1000, 65_534).unwrap();
    if with_device {
        tree.character_device("dev/console", 0o600, Device::CONSOLE).unwrap();
    }
    let mut archive = Vec::new();
    tree.write(&mut archive).unwrap();
    archive
}

#[test]
fn ours_is_listed_with_types_modes_owners_times_and_devices() {
    let listed = cpio(&["--list", "--verbose", "--numeric-uid-gid"], Path::new("/"), &tree(true));
    let listed = String::from_utf8(listed).unwrap();
    let lines: Vec<_> =
        listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "drwxr-xr-x 2 0 0 0 Jan 1 1970 bin",
        "lrwxrwxrwx 1 0 0 2 Jan 1 1970 bin/bash -> sh",
        "-rwsr-xr-x 1 0 0 100000 Jan 1 1970 bin/sh",
        "crw------- 1 0 0 5, 1 Jan 1 1970 dev/console",
        "-rw-r----- 1 0 0 2 Jan 1 1970 etc/nnn",
        "-rw-r----- 1 1000 65534 3 Jan 1 1970 etc/nnnn",
        "drwx-----T 2 0 0 0 Jan 1 1970 root",
    ] {
        assert!(lines.iter().any(|listed| listed == line), "{line}\n{lines:#?}");
    }
    assert_eq!(lines.len(), 4 + 9 + 3);
}

#[test]
fn ours_is_unpacked_as_it_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    cpio(&["--extract", "--make-directories"], folder.path(), &tree(false));
    for entry in Entries::new(tree(false).as_slice()).map(Result::unwrap) {
        let path = folder.path().join(&entry.name);
        let metadata = fs::symlink_metadata(&path).unwrap();
        match entry.kind {
            EntryKind::Directory => assert!(metadata.is_dir()),
            EntryKind::Symlink { target } => {
                assert_eq!(fs::read_link(path).unwrap().to_str(), Some(&*target))
            }
            EntryKind::File { size, sha256: digest } => {
                assert_eq!(metadata.len(), u64::from(size));
                assert_eq!(sha256(&[&fs::read(path).unwrap()]), digest);
                assert_eq!(metadata.mode() & 0o777, u32::from(entry.permissions) & 0o777);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn theirs_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("a")).unwrap();
    fs::write(at("a/file"), "content").unwrap();
    fs::set_permissions(at("a/file"), Permissions::from_mode(0o754)).unwrap();
    symlink("file", at("a/soft")).unwrap();
    let names = b".\na\na/file\na/soft\n";
    let archive = cpio(&["--create", "--format=newc"], folder.path(), names);
    assert_eq!(archive.len() % 512, 0, "GNU cpio fills blocks");

    let entries: Vec<Entry> = Entries::new(archive.as_slice()).map(Result::unwrap).collect();
    let named = |name: &str| entries.iter().find(|entry| entry.name == name).unwrap();
    assert_eq!(entries.len(), 4);
    assert_eq!(named(".").kind, EntryKind::Directory);
    assert_eq!(named("a/soft").kind, EntryKind::Symlink { target: "file".to_owned() });
    let file = named("a/file");
    assert_eq!((file.permissions, file.links), (0o754, 1));
    assert_eq!(file.kind, EntryKind::File { size: 7, sha256: sha256(&[b"content"]) });
    let metadata = fs::metadata(at("a/file")).unwrap();
    assert_eq!(i64::from(file.modified), metadata.mtime());
    assert_eq!(file.user, metadata.uid());

    fs::hard_link(at("a/file"), at("a/hard")).unwrap();
    let archive = cpio(&["--create", "--format=newc"], folder.path(), b"a\na/file\na/hard\n");
    let error = Entries::new(archive.as_slice()).find_map(Result::err).unwrap();
    assert!(matches!(error, Error::HardLink { name, .. } if name.starts_with("a/")));
}
