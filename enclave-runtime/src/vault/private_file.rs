//! Files with secrets in them, which nobody else may read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::StartError;

/// The bits of a mode by which others could read or write a file.
const OTHERS: u32 = 0o077;

/// The bytes of such a file, at most.
const MAX_BYTES: u64 = 64 << 10;

/// The text of a file; `what` it is, for errors.
pub(super) fn read(what: &str, path: &Path) -> Result<Zeroizing<String>, StartError> {
    let failed = |error: io::Error| StartError::file(what, path, &error);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(StartError::new(format!("{} is readable by others (mode {mode:o})", path.display())));
    }
    // A text that grows is copied, and what it was is not wiped.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MAX_BYTES).unwrap_or_default() + 1));
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(StartError::new(format!("{} is larger than {MAX_BYTES} bytes", path.display())));
    }
    Ok(text)
}
