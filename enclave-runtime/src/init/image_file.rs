//! Files of the image outside of its root, each read where it lies.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

/// Reads a file at its path and nowhere else: what a link leads to may be of another ramdisk, and a device
/// may be the console, on which the host writes.
pub(super) fn read(path: &Path) -> io::Result<String> {
    // A pipe is not waited for, and no terminal becomes this process's.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
    let mut file = File::from(opened.map_err(|error| match error {
        Errno::LOOP => io::Error::other("there is a link in its path, and none is followed"),
        error => error.into(),
    })?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    #[test]
    fn only_a_file_at_its_own_path_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir(folder.join("cape")).unwrap();
        fs::write(folder.join("cape/file"), "text").unwrap();
        symlink("file", folder.join("cape/link")).unwrap();
        symlink("cape", folder.join("other")).unwrap();
        mknodat(CWD, folder.join("cape/pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let refused = |name: &str| read(&folder.join(name)).unwrap_err().to_string();
        assert_eq!(read(&folder.join("cape/file")).unwrap(), "text");
        for name in ["cape/link", "other/file", "other/link"] {
            assert_eq!(refused(name), "there is a link in its path, and none is followed", "{name}");
        }
        for name in ["cape", "cape/pipe"] {
            assert_eq!(refused(name), "it is no file", "{name}");
        }
        assert_eq!(read(Path::new("/dev/null")).unwrap_err().to_string(), "it is no file");
        assert_eq!(read(&folder.join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
