use std::collections::{HashMap, HashSet};

use super::entry::EntryKind;
use super::error::Error;

/// How many names are held, and their bytes together.
const MAX_NAMES: usize = 1 << 20;
const MAX_BYTES_OF_NAMES: usize = 1 << 26;

/// Where entries of an archive are unpacked: each at its name and nowhere else, or it is refused.
#[derive(Default)]
pub(super) struct Places {
    /// Of each name, whether it is a directory.
    taken: HashMap<String, bool>,
    bytes_of_names: usize,
    linked: HashSet<Linked>,
}

/// What the kernel knows a file with several names by (`find_link` of its `init/initramfs.c`).
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Linked {
    pub(super) disk: (u32, u32),
    pub(super) inode: u32,
    pub(super) file_type: u32,
}

impl Places {
    /// Takes an entry's place. `linked` is there for a file that has other names as well.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateName`]; [`Error::NoDirectory`], since the kernel leaves such an entry out, or follows a link to
    /// another place; [`Error::HardLink`], since the kernel would write the content over that of the other name;
    /// [`Error::TooManyNames`].
    pub(super) fn take(
        &mut self,
        offset: u64,
        name: &str,
        kind: &EntryKind,
        linked: Option<Linked>,
    ) -> Result<(), Error> {
        self.bytes_of_names += name.len();
        if self.taken.len() == MAX_NAMES || self.bytes_of_names > MAX_BYTES_OF_NAMES {
            return Err(Error::TooManyNames { offset });
        }
        let named = || name.to_owned();
        let parent = name.rsplit_once('/').map(|(parent, _)| parent);
        if parent.is_some_and(|parent| self.taken.get(parent) != Some(&true)) {
            return Err(Error::NoDirectory { offset, name: named() });
        }
        if linked.is_some_and(|linked| !self.linked.insert(linked)) {
            return Err(Error::HardLink { offset, name: named() });
        }
        match self.taken.insert(named(), *kind == EntryKind::Directory) {
            None => Ok(()),
            Some(_) => Err(Error::DuplicateName { offset, name: named() }),
        }
    }
}
