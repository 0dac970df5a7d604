use std::collections::HashSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::error::{BundleError, refused};

/// Folders of one bundle, those that no entry names included: one name can stand for many.
pub(super) const LIMIT: usize = 100_000;

/// The folders of a bundle, as they are made.
pub(super) struct Folders<'a> {
    into: &'a Path,
    limit: usize,
    made: HashSet<PathBuf>,
}

impl<'a> Folders<'a> {
    /// None yet, in the existing folder `into`.
    pub(super) fn new(into: &'a Path, limit: usize) -> Self {
        Self { into, limit, made: HashSet::new() }
    }

    /// Makes a folder and those that it lies in, where they are not there yet, for the entry `name`.
    pub(super) fn make(&mut self, relative: &Path, name: &str) -> Result<(), BundleError> {
        let missing: Vec<&Path> = relative
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !self.made.contains(*folder))
            .collect();
        for folder in missing.into_iter().rev() {
            if self.made.len() >= self.limit {
                return Err(refused(None, "at most 100,000 folders"));
            }
            DirBuilder::new().mode(0o755).create(self.into.join(folder)).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::AlreadyExists => {
                        refused(Some(name.to_owned()), "a file where a folder has to be")
                    }
                    _ => BundleError::Io(error),
                }
            })?;
            self.made.insert(folder.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_no_entry_names_are_counted() {
        let into = tempfile::tempdir().unwrap();
        let mut folders = Folders::new(into.path(), 4);
        folders.make(Path::new("a/b/c"), "a/b/c/file").unwrap();
        folders.make(Path::new("a/b"), "a/b/file").unwrap();
        folders.make(Path::new("a/d"), "a/d/").unwrap();
        let error = folders.make(Path::new("a/e"), "a/e/file").unwrap_err();
        assert!(matches!(error, BundleError::Refused { rule: "at most 100,000 folders", .. }));
        assert!(!into.path().join("a/e").exists());
    }
}
