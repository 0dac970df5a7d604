use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::thread::{
    ThreadNameSpaceType, UnshareFlags, move_into_link_name_space, move_into_thread_name_spaces,
};

use super::mounts::{Attributes, attach, clone_tree};
use super::namespaces::unshare;

/// What a worker can do with a folder that it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Read and run what is there.
    ReadOnly,
    /// Write data too.
    Writable,
}

/// The way into the roots of workers, after they have begun: a thread enters a worker's mount
/// namespace, attaches a folder there, and comes back.
///
/// Its thread shares root and working directory with no other from then on, as setns(2) demands.
pub(crate) struct Door {
    home: OwnedFd,
}

impl Door {
    /// The way back leads to the mount namespace of the calling thread.
    pub(crate) fn here() -> io::Result<Self> {
        unshare(UnshareFlags::FS)?;
        let home = openat(CWD, "/proc/thread-self/ns/mnt", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { home })
    }

    /// Tries the way back, on a thread of its own: whether the kernel lets anybody through a door.
    pub(crate) fn try_one() -> io::Result<()> {
        let way_back =
            || move_into_link_name_space(Self::here()?.home.as_fd(), None).map_err(io::Error::from);
        std::thread::scope(|scope| scope.spawn(way_back).join())
            .map_err(|_| io::Error::other("the thread that tried it panicked"))?
    }

    /// Lets the worker see each folder at its place in the worker's own root.
    pub(crate) fn show<'a>(
        &self,
        worker: BorrowedFd<'_>,
        folders: impl Iterator<Item = (&'a Path, &'a Path, Seen)>,
    ) -> io::Result<()> {
        let trees = folders.map(|(folder, place, seen)| {
            let attributes = match seen {
                Seen::ReadOnly => Attributes::READ_ONLY,
                Seen::Writable => Attributes::DATA,
            };
            Ok((clone_tree(folder, attributes)?, place))
        });
        let trees = trees.collect::<io::Result<Vec<_>>>()?;
        move_into_thread_name_spaces(worker, ThreadNameSpaceType::MOUNT)?;
        let attached = trees.iter().try_for_each(|(tree, place)| attach(tree.as_fd(), place));
        if let Err(error) = move_into_link_name_space(self.home.as_fd(), None) {
            // A thread that is in a worker's namespace must do nothing any more.
            tracing::error!(%error, "the way back from a worker's namespace is closed");
            std::process::abort();
        }
        attached
    }
}
