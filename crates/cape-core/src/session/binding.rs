//! What an attestation document's nonce stands for: the root of a tree over the sessions that it
//! serves (docs/spec/session.md, "Binding"). One document can so answer a burst of handshakes,
//! and every session still has its own nonces and its own key.

use core::fmt;

use super::{Offer, Suite};
use crate::crypto::{KemPublicKey, sha256, sha384};

/// Levels a tree may have below its root.
pub const MAX_DEPTH: usize = 16;

/// The hash that names one session.
pub fn leaf(
    offer: &Offer,
    suite: Suite,
    client_nonce: &[u8; 32],
    server_nonce: &[u8; 32],
    public_key: &KemPublicKey,
) -> [u8; 32] {
    let count = u8::try_from(offer.ids().len()).unwrap_or(u8::MAX);
    sha256(&[
        &[0x00],
        b"cape/2 session",
        &[count],
        offer.ids(),
        &[suite.id()],
        client_nonce,
        server_nonce,
        &sha384(&[public_key.as_bytes()]),
    ])
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[0x01], left, right])
}

/// Where a session's leaf stands in a tree: its index, and the hashes beside its way to the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    path: Vec<[u8; 32]>,
    index: u32,
}

/// Why a path and an index are no place in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchError {
    /// The index is not below 2 to the power of the path's length.
    IndexOutOfRange {
        /// The index.
        index: u64,
        /// Hashes in the path.
        length: usize,
    },
    /// More hashes than a tree has levels.
    PathTooLong {
        /// Hashes in the path.
        length: usize,
    },
}

impl Branch {
    /// The branch of a session that has a document to itself: its leaf is the root.
    pub fn alone() -> Self {
        Self::default()
    }

    /// A branch from its parts: the sibling hashes from the leaf upward, at most [`MAX_DEPTH`], and
    /// the leaf's index.
    pub fn new(path: Vec<[u8; 32]>, index: u64) -> Result<Self, BranchError> {
        let length = path.len();
        if length > MAX_DEPTH {
            return Err(BranchError::PathTooLong { length });
        }
        match u32::try_from(index) {
            Ok(index) if index >> length == 0 => Ok(Self { path, index }),
            _ => Err(BranchError::IndexOutOfRange { index, length }),
        }
    }

    /// The sibling hashes, from the leaf upward.
    pub fn path(&self) -> &[[u8; 32]] {
        &self.path
    }

    /// The leaf's index, counted from 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The root of the tree in which `leaf` has this place.
    pub fn root(&self, leaf: &[u8; 32]) -> [u8; 32] {
        self.path.iter().enumerate().fold(*leaf, |own, (level, sibling)| match self.index >> level & 1 {
            0 => node(&own, sibling),
            _ => node(sibling, &own),
        })
    }
}

/// A tree over the leaves of several sessions, padded to a power of two with leaves of zeros.
pub struct Tree {
    /// The levels from the leaves to the root; never empty, and the last has one hash.
    levels: Vec<Vec<[u8; 32]>>,
}

impl Tree {
    /// The tree over 1 to 65,536 leaves; `None` for another number of them.
    pub fn new(leaves: &[[u8; 32]]) -> Option<Self> {
        if leaves.is_empty() || leaves.len() > 1 << MAX_DEPTH {
            return None;
        }
        let mut level = leaves.to_vec();
        level.resize(leaves.len().next_power_of_two(), [0; 32]);
        let mut levels = vec![level];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let (pairs, _) = below.as_chunks::<2>();
            let above = pairs.iter().map(|[left, right]| node(left, right)).collect();
            levels.push(above);
        }
        Some(Self { levels })
    }

    /// The root, which the document's nonce carries.
    pub fn root(&self) -> [u8; 32] {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_default()
    }

    /// The branch of the leaf with that index; `None` when there is none.
    pub fn branch(&self, index: usize) -> Option<Branch> {
        let (_, below_root) = self.levels.split_last()?;
        let path =
            below_root.iter().enumerate().map(|(level, hashes)| hashes.get(index >> level ^ 1).copied());
        Branch::new(path.collect::<Option<_>>()?, u64::try_from(index).ok()?).ok()
    }
}

impl fmt::Display for BranchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexOutOfRange { index, length } => {
                write!(f, "index {index} does not fit a path of {length} hashes")
            }
            Self::PathTooLong { length } => write!(f, "path of {length} hashes is longer than {MAX_DEPTH}"),
        }
    }
}

impl core::error::Error for BranchError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<[u8; 32]> {
        (0..count).map(|number| [number + 1; 32]).collect()
    }

    #[test]
    fn every_branch_leads_to_the_root() {
        for count in 1..=17 {
            let leaves = leaves(count);
            let tree = Tree::new(&leaves).unwrap();
            for (index, leaf) in leaves.iter().enumerate() {
                let branch = tree.branch(index).unwrap();
                assert_eq!(branch.root(leaf), tree.root(), "leaf {index} of {count}");
                assert_eq!(1 << branch.path().len(), usize::from(count).next_power_of_two());
                assert_ne!(branch.root(&[0xff; 32]), tree.root());
            }
            assert_eq!(tree.branch(usize::from(count).next_power_of_two()), None);
        }
    }

    #[test]
    fn alone_the_leaf_is_the_root() {
        let tree = Tree::new(&[[9; 32]]).unwrap();
        assert_eq!(tree.root(), [9; 32]);
        assert_eq!(tree.branch(0), Some(Branch::alone()));
        assert_eq!(Branch::alone().root(&[9; 32]), [9; 32]);
    }

    #[test]
    fn padding_is_of_zeros_that_are_not_hashed() {
        let [a, b, c] = [[1; 32], [2; 32], [3; 32]];
        let root = node(&node(&a, &b), &node(&c, &[0; 32]));
        assert_eq!(Tree::new(&[a, b, c]).unwrap().root(), root);
        assert_eq!(Tree::new(&[a, b, c]).unwrap().branch(2).unwrap().path(), [[0; 32], node(&a, &b)]);
    }

    #[test]
    fn limits() {
        assert!(Tree::new(&[]).is_none());
        assert!(Tree::new(&vec![[0; 32]; 65_537]).is_none());
        let branch = Tree::new(&vec![[0; 32]; 65_536]).unwrap().branch(65_535).unwrap();
        assert_eq!((branch.path().len(), branch.index()), (16, 65_535));
        assert_eq!(Branch::new(vec![[0; 32]; 17], 0), Err(BranchError::PathTooLong { length: 17 }));
        for (length, index) in [(0, 1), (3, 8), (16, 65_536), (16, 1 << 32), (0, u64::MAX)] {
            let error = BranchError::IndexOutOfRange { index, length };
            assert_eq!(Branch::new(vec![[0; 32]; length], index), Err(error));
        }
    }
}
