//! Whether the kernel unpacked all of the image.
//!
//! Where the machine has too little memory, the kernel cuts a file off, leaves out what comes after it, and
//! starts the first program all the same. Registers have been extended by then, and the host chooses the
//! memory: without this it would choose where the image ends.

use std::path::Path;

use super::image_file;
use crate::error::StartError;

/// The last entry of the last ramdisk. Memory for a page of it is there only where it was for all before.
pub(super) const LAST: &str = "/unpacked";

const CONTENT: &str = "all\n";

/// Refuses an image whose last entry is missing, or cut off.
pub(super) fn check(last: &Path) -> Result<(), StartError> {
    match image_file::read(last) {
        Ok(content) if content == CONTENT => Ok(()),
        _ => Err(StartError::new(format!(
            "the kernel did not unpack the image as far as {}: the machine has too little memory for it, or \
             the image no such file",
            last.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_whole_last_entry_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        let last = folder.path().canonicalize().unwrap().join("unpacked");
        assert!(check(&last).is_err());
        for cut in ["", "a", "all"] {
            fs::write(&last, cut).unwrap();
            assert!(check(&last).is_err(), "{cut:?}");
        }
        fs::write(&last, CONTENT).unwrap();
        assert!(check(&last).is_ok());
        let link = last.with_file_name("link");
        symlink(&last, &link).unwrap();
        assert!(check(&link).is_err(), "what it leads to may have come long before the end");
    }
}
