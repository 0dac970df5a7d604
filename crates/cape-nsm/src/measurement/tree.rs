//! Which files belong to a Python installation.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::MeasurementError;

/// How many folders deep a standard library may be; the deepest known has seven.
const MOST_DEPTH: usize = 32;

/// A name in bytes, as it is sorted and hashed, and where the file lies.
type Entry = (Vec<u8>, PathBuf);

/// The files of a standard library, each named by its path within, sorted.
pub(super) fn standard_library(root: &Path) -> Result<Vec<Entry>, MeasurementError> {
    let mut entries = Vec::new();
    walk(root, &[], 0, &mut entries)?;
    entries.sort_unstable();
    Ok(entries)
}

/// The shared libraries beside a standard library that carry its name, sorted:
/// `lib/libpython3.11.so.1.0` for `lib/python3.11`.
pub(super) fn libraries_beside(standard_library: &Path) -> Result<Vec<Entry>, MeasurementError> {
    let whole = standard_library.canonicalize().map_err(MeasurementError::io(standard_library))?;
    let (Some(folder), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Ok(Vec::new());
    };
    let prefix = [b"lib", name.as_bytes(), b".so"].concat();
    let mut libraries: Vec<Entry> =
        children(folder)?.into_iter().filter(|(name, _)| name.starts_with(&prefix)).collect();
    libraries.sort_unstable();
    Ok(libraries)
}

fn walk(folder: &Path, name: &[u8], depth: usize, entries: &mut Vec<Entry>) -> Result<(), MeasurementError> {
    if depth > MOST_DEPTH {
        return Err(MeasurementError::TooDeep { path: folder.to_owned() });
    }
    for (child, path) in children(folder)? {
        if is_left_out(&child, depth) {
            continue;
        }
        let name = if name.is_empty() { child } else { [name, b"/", &child].concat() };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => walk(&path, &name, depth + 1, entries)?,
            Ok(_) => entries.push((name, path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => entries.push((name, path)),
            Err(error) => return Err(MeasurementError::io(&path)(error)),
        }
    }
    Ok(())
}

fn is_left_out(name: &[u8], depth: usize) -> bool {
    name == b"__pycache__" || (name == b"site-packages" && depth == 0)
}

fn children(folder: &Path) -> Result<Vec<Entry>, MeasurementError> {
    fs::read_dir(folder)
        .map_err(MeasurementError::io(folder))?
        .map(|entry| {
            let entry = entry.map_err(MeasurementError::io(folder))?;
            Ok((entry.file_name().as_bytes().to_vec(), entry.path()))
        })
        .collect()
}
