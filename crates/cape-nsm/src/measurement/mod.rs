//! What a process consists of, as numbers that nobody can bend: the values of PCR0, PCR1 and
//! PCR2 where no image is there to be measured.

mod parts;
mod tree;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Digest, SHA384, digest};

use crate::messages::REGISTER_LENGTH;
use parts::Parts;

/// The files that a runtime consists of.
#[derive(Clone, Copy, Debug)]
pub struct MeasuredFiles<'a> {
    /// The runtime's executable.
    pub runtime: &'a Path,
    /// The settings that it was started with.
    pub settings: &'a Path,
    /// The Python interpreter's executable.
    pub interpreter: &'a Path,
    /// The folder of Python's standard library, for example `lib/python3.11`. The libraries
    /// beside it that carry its name (`lib/libpython3.11.so.1.0`) are measured too: in many
    /// installations they *are* the interpreter.
    pub standard_library: &'a Path,
}

/// The values of PCR0, PCR1 and PCR2.
///
/// With ext(x) = SHA-384(48 zero bytes || x), as an enclave's are made when it boots:
///
/// - PCR1 = ext(r) with r the digest of the runtime's executable and its settings;
/// - PCR2 = ext(p) with p the digest of the interpreter and the standard library;
/// - PCR0 = ext(SHA-384(r || p)).
///
/// A digest is SHA-384 over the text `cape/2 measurement` and then, part by part: the kind (one
/// byte), the name's length (u64, big-endian), the name, the content's length (the same), the
/// content. Parts are `runtime`, `settings`, `interpreter`, `library/NAME` and
/// `standard-library/PATH`, the last two sorted by their bytes. A link counts as the file or
/// folder that it leads to (kind 1), one that leads nowhere as its own text (kind 2). Left out
/// are the folders named `__pycache__`, and `site-packages` at the top of the standard library,
/// so whoever relies on PCR2 must keep the interpreter from reading either (`-S`, and
/// `-X pycache_prefix=` to a folder of its own). Where the files lie, who owns them and when
/// they were changed makes no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurements {
    /// Everything.
    pub pcr0: [u8; REGISTER_LENGTH],
    /// The platform: the runtime and its settings.
    pub pcr1: [u8; REGISTER_LENGTH],
    /// What functions run on: Python.
    pub pcr2: [u8; REGISTER_LENGTH],
}

impl Measurements {
    /// Reads the files, some hundred megabytes a second.
    ///
    /// # Errors
    ///
    /// [`MeasurementError`] names the first file that cannot be measured.
    pub fn of(files: &MeasuredFiles<'_>) -> Result<Self, MeasurementError> {
        let mut platform = Parts::new();
        platform.file(b"runtime", files.runtime)?;
        platform.file(b"settings", files.settings)?;
        let platform = platform.finish();

        let mut python = Parts::new();
        python.file(b"interpreter", files.interpreter)?;
        for (name, library) in tree::libraries_beside(files.standard_library)? {
            python.file(&[b"library/", name.as_slice()].concat(), &library)?;
        }
        for (name, file) in tree::standard_library(files.standard_library)? {
            python.entry(&[b"standard-library/", name.as_slice()].concat(), &file)?;
        }
        let python = python.finish();

        let everything = digest(&SHA384, &[platform.as_ref(), python.as_ref()].concat());
        Ok(Self {
            pcr0: extended_zero(&everything),
            pcr1: extended_zero(&platform),
            pcr2: extended_zero(&python),
        })
    }
}

/// A register's value after its first extension.
fn extended_zero(data: &Digest) -> [u8; REGISTER_LENGTH] {
    let mut input = vec![0; REGISTER_LENGTH];
    input.extend_from_slice(data.as_ref());
    let mut value = [0; REGISTER_LENGTH];
    value.copy_from_slice(digest(&SHA384, &input).as_ref());
    value
}

/// Why something cannot be measured.
#[derive(Debug)]
#[non_exhaustive]
pub enum MeasurementError {
    /// It cannot be read.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is neither a file nor a folder nor a link, or a folder where a file belongs.
    Special {
        /// What.
        path: PathBuf,
    },
    /// Its length changed while it was read.
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// It lies too deep: links lead in a circle.
    TooDeep {
        /// The folder.
        path: PathBuf,
    },
}

impl MeasurementError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

impl fmt::Display for MeasurementError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(formatter, "{}: {source}", path.display()),
            Self::Special { path } => write!(formatter, "{} is not a file", path.display()),
            Self::Changed { path } => {
                write!(formatter, "{} changed while it was measured", path.display())
            }
            Self::TooDeep { path } => write!(
                formatter,
                "{} lies too deep to be measured: do links lead in a circle?",
                path.display()
            ),
        }
    }
}

impl std::error::Error for MeasurementError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
