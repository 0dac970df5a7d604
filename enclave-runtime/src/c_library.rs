//! The C library that functions run with, found from its files: this program may have one in itself.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::StartError;

/// The program that loads programs, as programs name it.
#[cfg(target_arch = "x86_64")]
pub(crate) const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
#[cfg(target_arch = "aarch64")]
pub(crate) const LOADER: &str = "/lib/ld-linux-aarch64.so.1";

/// What the library says of itself first, to whoever runs it as a program.
const BANNER: &[u8] = b"GNU C Library ";

/// glibc, as it is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CLibrary {
    /// The folder that it is in, with the other libraries of the system.
    pub(crate) folder: PathBuf,
    /// `2.36`.
    version: String,
}

impl CLibrary {
    /// The one that lies beside the loader: they are of one build and work only together.
    pub(crate) fn find() -> Result<Self, StartError> {
        Self::beside(Path::new(LOADER))
    }

    fn beside(loader: &Path) -> Result<Self, StartError> {
        let failed = |path: &Path, error| StartError::file("the C library", path, &error);
        let loader = fs::canonicalize(loader).map_err(|error| failed(loader, error))?;
        let library = loader.with_file_name("libc.so.6");
        let content = fs::read(&library).map_err(|error| failed(&library, error))?;
        let version = version(&content).ok_or_else(|| {
            StartError::new(format!("{} does not say which version of glibc it is", library.display()))
        })?;
        Ok(Self { folder: library.parent().unwrap_or(Path::new("/")).to_owned(), version })
    }

    /// The platform whose wheels run with it: `x86_64-manylinux_2_36`.
    pub(crate) fn platform(&self) -> String {
        format!("{}-manylinux_{}", std::env::consts::ARCH, self.version.replace('.', "_"))
    }
}

/// By the line `GNU C Library (...) stable release version 2.36.`
fn version(library: &[u8]) -> Option<String> {
    let mut texts = library.split(|byte| matches!(byte, 0 | b'\n'));
    let banner = texts.find(|text| text.starts_with(BANNER))?;
    let (_, version) = OsStr::from_bytes(banner).to_str()?.rsplit_once(" release version ")?;
    let version = version.trim_end_matches('.');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    version
        .split_once('.')
        .is_some_and(|(major, minor)| is_number(major) && is_number(minor))
        .then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn it_is_the_one_that_programs_here_run_with() {
        let library = CLibrary::find().unwrap();
        let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), format!("glibc {}", library.version));
        assert!(library.folder.join("libc.so.6").is_file());
    }

    #[test]
    fn the_platform_is_one_that_wheels_name() {
        let library = CLibrary { folder: "/usr/lib".into(), version: "2.36".into() };
        assert_eq!(library.platform(), format!("{}-manylinux_2_36", std::env::consts::ARCH));
    }

    #[test]
    fn a_version_is_what_the_banner_says() {
        for (library, expected) in [
            (
                &b"\x7fELF\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\nBy\0"[..],
                Some("2.36"),
            ),
            (b"GNU C Library (GNU libc) development release version 2.40.", Some("2.40")),
            (b"\0GNU C Library 2.36\0 stable release version 2.36.", None),
            (b"the GNU C Library (x) stable release version 2.36.\n", None),
            (b"\0GNU C Library (x) stable release version 2.\n", None),
            (b"\0GNU C Library (x) stable release version 2.36-1.\n", None),
            (b"\0GNU C Library (\xff) stable release version 2.36.\n", None),
            (b"", None),
        ] {
            assert_eq!(version(library).as_deref(), expected);
        }
    }

    #[test]
    fn a_loader_without_its_library_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let loader = folder.path().join("ld.so");
        for (content, reason) in [(None, "ld.so: No such file"), (Some(""), "libc.so.6: No such file")] {
            if let Some(content) = content {
                fs::write(&loader, content).unwrap();
            }
            let error = CLibrary::beside(&loader).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        fs::write(folder.path().join("libc.so.6"), "musl").unwrap();
        let error = CLibrary::beside(&loader).unwrap_err().to_string();
        assert!(error.ends_with("does not say which version of glibc it is"), "{error}");
    }
}
