//! Archives of ramdisks: names stay below the root, nothing is larger than its archive, and how the bytes
//! come in does not matter.

use std::collections::BTreeSet;
use std::io::{self, Read};

use cape_eif::cpio::{Content, Device, Entries, Entry, EntryKind, Tree};

pub(crate) fn check(input: &[u8]) {
    let read = entries(input);
    assert_eq!(read, entries(Bytewise(input)));
    let Some(entries) = read else { return };
    let mut names = BTreeSet::new();
    let mut size = 0;
    for Entry { name, kind, permissions, .. } in &entries {
        assert!(name == "." || name.split('/').all(|part| !["", ".", ".."].contains(&part)), "{name}");
        assert!(!name.contains('\0') && *permissions < 0o10_000);
        assert!(names.insert(name), "{name} for the second time");
        size += 110 + name.len() as u64;
        match kind {
            EntryKind::File { size: content, .. } => size += u64::from(*content),
            EntryKind::Symlink { target } => size += target.len() as u64,
            _ => {}
        }
    }
    assert!(size <= input.len() as u64);
}

/// All of them, unless the archive is refused.
fn entries(archive: impl Read) -> Option<Vec<Entry>> {
    Entries::new(archive).collect::<Result<_, _>>().ok()
}

struct Bytewise<'a>(&'a [u8]);

impl Read for Bytewise<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut tree = Tree::new();
    tree.directory("dev", 0o755).expect("an entry");
    tree.character_device("dev/console", 0o600, Device::CONSOLE).expect("an entry");
    tree.file("init", 0o755, Content::Bytes(b"#!/bin/sh\n".to_vec())).expect("an entry");
    tree.symlink("sh", "bin/sh").expect("an entry");
    [Tree::new(), tree].map(|tree| written(&tree)).to_vec()
}

fn written(tree: &Tree) -> Vec<u8> {
    let mut archive = Vec::new();
    tree.write(&mut archive).expect("an archive");
    archive
}
