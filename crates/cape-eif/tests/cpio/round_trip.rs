use std::collections::BTreeMap;

use cape_core::crypto::sha256;
use cape_eif::cpio::{Content, Device, Entries, Entry, EntryKind, Error, Tree};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Node {
    Device(Device),
    Directory,
    File(Vec<u8>),
    Symlink(String),
}

fn nodes() -> impl Strategy<Value = Node> {
    prop_oneof![
        (any::<u32>(), any::<u32>()).prop_map(|(major, minor)| Node::Device(Device { major, minor })),
        Just(Node::Directory),
        vec(any::<u8>(), 0..100).prop_map(Node::File),
        "[^\0]{1,20}".prop_map(Node::Symlink),
    ]
}

/// Names of one to three parts that sort in different ways.
fn trees() -> impl Strategy<Value = BTreeMap<String, (u16, Node)>> {
    btree_map("[ab.é-]{1,3}(/[ab.é-]{1,3}){0,2}", (0..0o10_000_u16, nodes()), 0..30)
}

proptest! {
    #[test]
    fn what_is_written_is_read(nodes in trees()) {
        let mut tree = Tree::new();
        let mut expected = Vec::new();
        for (name, (permissions, node)) in nodes {
            let added = match node.clone() {
                Node::Device(device) => tree.character_device(&name, permissions, device),
                Node::Directory => tree.directory(&name, permissions),
                Node::File(bytes) => tree.file(&name, permissions, Content::Bytes(bytes)),
                Node::Symlink(target) => tree.symlink(&name, &target),
            };
            if added.is_err() {
                continue;
            }
            let (kind, permissions, links) = match node {
                Node::Device(device) => (EntryKind::CharacterDevice(device), permissions, 1),
                Node::Directory => (EntryKind::Directory, permissions, 2),
                Node::File(bytes) => {
                    let size = u32::try_from(bytes.len()).unwrap();
                    (EntryKind::File { size, sha256: sha256(&[&bytes]) }, permissions, 1)
                }
                Node::Symlink(target) => (EntryKind::Symlink { target }, 0o777, 1),
            };
            let inode = u32::try_from(expected.len() + 1).unwrap();
            expected.push(Entry { name, kind, permissions, user: 0, group: 0, modified: 0, inode, links });
        }
        let mut archive = Vec::new();
        tree.write(&mut archive).unwrap();
        prop_assert_eq!(archive.len() % 4, 0);
        let read: Result<Vec<Entry>, Error> = Entries::new(archive.as_slice()).collect();
        prop_assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn anything_is_read_or_refused(bytes in vec(any::<u8>(), 0..500)) {
        let first = Entries::new([b"070701", bytes.as_slice()].concat().as_slice()).next();
        prop_assert!(matches!(first, Some(Err(_))));
    }
}
