//! Where bundles are unpacked: memory that is nobody else's.
//!
//! The folder lies in a mount namespace of the runtime's own, on a file system in memory that goes
//! away with the runtime however it ends. Where no such namespace can be had, it is an ordinary
//! folder that only its owner may list, removed at the end, or at the start of the next runtime
//! after one that was killed.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, statvfs};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::geteuid;

use crate::bundle::Incoming;
use crate::jail::{Door, build_root, inside, mount_private_memory};
use crate::python::Python;
use crate::worker::{Code, shim};

const PREFIX: &str = "cape-enclave-";

/// What memory is given in.
const PAGE: u64 = 4096;

/// Bytes of a file that is taken out of its bundle while that comes.
const LARGE_FILE: u64 = 1 << 20;

/// Bytes of room that are little, where a fourth of all is not less.
const ALMOST_FULL: u64 = 1 << 30;

/// A folder that is removed when this is dropped.
pub(crate) struct Storage {
    folder: PathBuf,
    /// Why the folder is an ordinary one, where it is.
    shared: Option<String>,
    /// The root that workers take, or why there is none.
    root: Result<PathBuf, String>,
    /// Locked as long as the runtime lives; other runtimes look at it before they sweep.
    _lock: File,
}

impl Storage {
    /// Makes the storage of this process, of at most `bytes` where that can be limited.
    ///
    /// Only for a process with a single thread: threads that exist already would keep the mounts
    /// they have.
    pub(crate) fn create(bytes: u64) -> io::Result<Self> {
        let base = std::env::temp_dir();
        sweep(&base);
        let (folder, lock) = new_locked_folder(&base)?;
        let shared = mount_private_memory(&folder, bytes).err().map(|error| error.to_string());
        let storage = Self { folder, shared, root: Err("it was not built".to_owned()), _lock: lock };
        shim::write(&storage.shim())?;
        Ok(storage)
    }

    /// Builds the root that workers take, of what `python` needs.
    pub(crate) fn build_root(&mut self, python: &Python) {
        self.root = match &self.shared {
            // It would be the whole machine's.
            Some(reason) => Err(format!("no mount namespace: {reason}")),
            None => {
                let folder = self.folder.join("root");
                fs::create_dir(&folder)
                    .and_then(|()| build_root(&folder, python, &self.shim(), &self.pycache()))
                    .map_err(|error| error.to_string())
                    .and_then(|()| {
                        Door::try_one().map_err(|error| format!("functions cannot be shown in it: {error}"))
                    })
                    .map(|()| folder)
            }
        };
    }

    /// The root that workers take, or why there is none.
    pub(crate) fn root(&self) -> &Result<PathBuf, String> {
        &self.root
    }

    /// The folder that all of it is in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Why the storage is not in a mount namespace of its own; `None` when it is.
    pub(crate) fn shared(&self) -> Option<&str> {
        self.shared.as_deref()
    }

    /// The folder of the module that runs functions.
    pub(crate) fn shim(&self) -> PathBuf {
        self.folder.join("shim")
    }

    /// Where the interpreter keeps byte-compiled modules (its option `-X pycache_prefix`).
    pub(crate) fn pycache(&self) -> PathBuf {
        self.folder.join("pycache")
    }

    /// A new, empty folder for code, and where its modules go when they are compiled. Whoever asked
    /// for it removes both.
    pub(crate) fn new_code(&self) -> io::Result<Code> {
        let name = random_name()?;
        let folder = self.folder.join(&name);
        DirBuilder::new().mode(0o755).create(&folder)?;
        let compiled = match &self.root {
            // Workers are shown it when they need it, and nobody else's.
            Ok(_) => self.folder.join(format!("{name}.compiled")),
            Err(_) => inside(&self.pycache(), &folder),
        };
        fs::create_dir_all(&compiled)?;
        Ok(Code { folder, compiled })
    }

    /// A new, empty bundle, kept without a name: it is gone when it is dropped.
    pub(crate) fn new_bundle(&self) -> io::Result<Incoming> {
        let path = self.folder.join(random_name()?);
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        fs::remove_file(&path)?;
        Ok(Incoming::new(file, &self.folder, LARGE_FILE))
    }

    /// Bytes in use, and bytes that it holds. Where it is an ordinary folder, those of its file system.
    pub(crate) fn space(&self) -> io::Result<(u64, u64)> {
        let space = statvfs(&self.folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
        Ok((bytes(space.f_blocks.saturating_sub(space.f_bfree)), bytes(space.f_blocks)))
    }

    /// Whether so little room is left that none of it should go to what can be done without.
    pub(crate) fn is_almost_full(&self) -> bool {
        self.space().is_ok_and(|(used, size)| size - used < ALMOST_FULL.min(size / 4))
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        if self.shared.is_none() {
            // Content goes with the mounts; what stays is the empty folder below them.
            let _ = unmount(&self.folder, UnmountFlags::DETACH);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Bytes that what is in a folder occupies: each file and folder at least a page.
pub(crate) fn occupied(folder: &Path) -> io::Result<u64> {
    let mut folders = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?; // of a link itself
            if metadata.is_dir() {
                folders.push(entry.path());
                bytes += PAGE;
            } else {
                bytes += metadata.len().max(1).next_multiple_of(PAGE);
            }
        }
    }
    Ok(bytes)
}

/// Removes what runtimes left behind that were killed: folders whose lock nobody holds.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
            && entry
                .metadata()
                .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == geteuid().as_raw());
        if ours && File::open(&path).is_ok_and(|folder| try_lock(&folder)) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn new_locked_folder(base: &Path) -> io::Result<(PathBuf, File)> {
    for _ in 0..8 {
        let path = base.join(format!("{PREFIX}{}", random_name()?));
        // Workers may be another user, who has to come through; its names cannot be guessed.
        DirBuilder::new().mode(0o711).create(&path)?;
        // Another runtime's sweep may be faster than this lock; then there is a next name.
        match File::open(&path) {
            Ok(folder) if try_lock(&folder) && path.exists() => return Ok((path, folder)),
            _ => {}
        }
    }
    Err(io::Error::other("no folder could be locked"))
}

fn try_lock(folder: &File) -> bool {
    flock(folder, FlockOperation::NonBlockingLockExclusive).is_ok()
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(cape_core::encoding::hex::encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_swept_once_nobody_holds_its_lock() {
        let base = tempfile::tempdir().unwrap();
        let (path, lock) = new_locked_folder(base.path()).unwrap();
        fs::write(path.join("left over"), "x").unwrap();
        sweep(base.path());
        assert!(path.exists());
        drop(lock);
        fs::create_dir(base.path().join("cape-other")).unwrap();
        sweep(base.path());
        assert!(!path.exists());
        assert!(base.path().join("cape-other").exists());
    }
}
