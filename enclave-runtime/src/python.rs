//! The Python that functions run on, found from its files: nothing is executed to learn about it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::c_library::CLibrary;
use crate::error::StartError;

/// An installation of CPython.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Python {
    /// The interpreter, links resolved: a virtual environment's leads to the one it was made from.
    pub(crate) executable: PathBuf,
    /// `lib/python3.11`.
    pub(crate) standard_library: PathBuf,
    /// `3.11`.
    pub(crate) version: String,
    /// What it is linked with.
    pub(crate) c_library: CLibrary,
}

/// Folders of the standard library that no function needs byte-compiled in advance.
pub(crate) const RARELY_IMPORTED: [&str; 9] = [
    "__pycache__",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "site-packages",
    "test",
    "tests",
    "turtledemo",
];

/// Where an image has its interpreter.
pub(crate) const IMAGE_PROGRAMS: &str = "/usr/bin";

impl Python {
    /// The one of an image, which has no other: `/usr/bin/python3.N`.
    pub(crate) fn find_in_image() -> Result<Self, StartError> {
        Self::find_in(Path::new(IMAGE_PROGRAMS))
    }

    fn find_in(folder: &Path) -> Result<Self, StartError> {
        let entries = fs::read_dir(folder).map_err(|error| StartError::file("the folder", folder, &error))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let is_interpreter = |name: &String| name.strip_prefix("python").is_some_and(is_minor_version);
        match names.filter(is_interpreter).collect::<Vec<_>>()[..] {
            [ref name] => Self::find(&folder.join(name)),
            ref names => Err(StartError::new(format!(
                "{} has {} interpreters of the name python3.N, not one",
                folder.display(),
                names.len()
            ))),
        }
    }

    /// The installation that the interpreter at `path` belongs to: `PREFIX/bin/python3.N` with
    /// `PREFIX/lib/python3.N/os.py` beside it.
    pub(crate) fn find(path: &Path) -> Result<Self, StartError> {
        let executable =
            fs::canonicalize(path).map_err(|error| StartError::file("the interpreter", path, &error))?;
        let found = (|| {
            let version = executable.file_name()?.to_str()?.strip_prefix("python")?.to_owned();
            if !is_minor_version(&version) {
                return None;
            }
            let standard_library =
                executable.parent()?.parent()?.join("lib").join(format!("python{version}"));
            standard_library.join("os.py").is_file().then_some((standard_library, version))
        })();
        match found {
            Some((standard_library, version)) => {
                Ok(Self { executable, standard_library, version, c_library: CLibrary::find()? })
            }
            None => Err(StartError::new(format!(
                "{} is not bin/python3.N with its standard library in lib/python3.N",
                executable.display()
            ))),
        }
    }
}

impl Python {
    /// The shared libraries that are the interpreter's own, `PREFIX/lib/libpython3*`.
    pub(crate) fn shared_libraries(&self) -> io::Result<Vec<PathBuf>> {
        let Some(folder) = self.standard_library.parent() else { return Ok(Vec::new()) };
        let mut libraries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with("libpython3") && name.contains(".so")) {
                libraries.push(entry.path());
            }
        }
        Ok(libraries)
    }
}

/// Whether it is `3.N`.
fn is_minor_version(version: &str) -> bool {
    let minor = version.strip_prefix("3.").unwrap_or_default();
    !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether wheels for `wanted` run on `platform`: both are `ARCHITECTURE-manylinux_2_N`, and wheels
/// run with the C library that they were built for or a newer one (PEP 600).
pub(crate) fn runs_wheels_for(platform: &str, wanted: &str) -> bool {
    fn parts(platform: &str) -> Option<(&str, u32)> {
        let (architecture, minor) = platform.split_once("-manylinux_2_")?;
        Some((architecture, minor.parse().ok()?))
    }
    match (parts(platform), parts(wanted)) {
        (Some((ours, newest)), Some((theirs, minor))) => ours == theirs && minor <= newest,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_found_through_links() {
        let prefix = tempfile::tempdir().unwrap();
        let (bin, library) = (prefix.path().join("bin"), prefix.path().join("lib/python3.99"));
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(&library).unwrap();
        fs::write(bin.join("python3.99"), "").unwrap();
        std::os::unix::fs::symlink("python3.99", bin.join("python")).unwrap();
        assert!(Python::find(&bin.join("python")).is_err());
        fs::write(library.join("os.py"), "").unwrap();
        let python = Python::find(&bin.join("python")).unwrap();
        assert_eq!(python.version, "3.99");
        assert_eq!(python.standard_library, fs::canonicalize(&library).unwrap());
    }

    #[test]
    fn an_image_has_one_interpreter() {
        let prefix = tempfile::tempdir().unwrap();
        let (bin, library) = (prefix.path().join("bin"), prefix.path().join("lib/python3.99"));
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(&library).unwrap();
        fs::write(library.join("os.py"), "").unwrap();
        for name in ["python3", "python3.99-config", "pygettext3.99", "python2.7"] {
            fs::write(bin.join(name), "").unwrap();
        }
        let refused = || Python::find_in(&bin).unwrap_err().to_string();
        assert!(
            refused().ends_with("bin has 0 interpreters of the name python3.N, not one"),
            "{}",
            refused()
        );
        fs::write(bin.join("python3.99"), "").unwrap();
        assert_eq!(Python::find_in(&bin).unwrap().version, "3.99");
        fs::write(bin.join("python3.98"), "").unwrap();
        assert!(refused().contains("has 2 interpreters"), "{}", refused());
    }

    #[test]
    fn other_programs_are_refused() {
        for path in ["/bin/sh", "/no/such/python3.11"] {
            assert!(Python::find(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn wheels_run_with_a_newer_c_library_of_the_same_architecture() {
        let ours = "x86_64-manylinux_2_36";
        assert!(runs_wheels_for(ours, "x86_64-manylinux_2_28"));
        assert!(runs_wheels_for(ours, ours));
        for other in ["x86_64-manylinux_2_37", "aarch64-manylinux_2_28", "x86_64-musllinux_1_2", "any", ""] {
            assert!(!runs_wheels_for(ours, other), "{other}");
        }
    }
}
