use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aws_lc_rs::digest::{Context, Digest, SHA384};

use super::MeasurementError;

const LABEL: &[u8] = b"cape/2 measurement";
const FILE: u8 = 1;
const LINK_TO_NOTHING: u8 = 2;

/// How much of a file is read at a time, in bytes.
const CHUNK: usize = 256 * 1024;

/// A digest of named parts. Names and contents are preceded by their lengths, so no two lists of
/// parts have the same encoding.
pub(super) struct Parts {
    context: Context,
    chunk: Vec<u8>,
}

impl Parts {
    pub(super) fn new() -> Self {
        let mut context = Context::new(&SHA384);
        context.update(LABEL);
        Self { context, chunk: vec![0; CHUNK] }
    }

    /// Adds a file, or the one that a link leads to.
    pub(super) fn file(&mut self, name: &[u8], path: &Path) -> Result<(), MeasurementError> {
        // Asked before it is opened: opening a pipe would wait for its other end.
        let metadata = fs::metadata(path).map_err(MeasurementError::io(path))?;
        if !metadata.is_file() {
            return Err(MeasurementError::Special { path: path.to_owned() });
        }
        let mut file = File::open(path).map_err(MeasurementError::io(path))?;
        self.head(FILE, name, metadata.len());
        let mut left = metadata.len();
        loop {
            let length = file.read(&mut self.chunk).map_err(MeasurementError::io(path))?;
            left = left.checked_sub(length as u64).ok_or_else(|| changed(path))?;
            if length == 0 {
                break;
            }
            self.context.update(&self.chunk[..length]);
        }
        if left == 0 { Ok(()) } else { Err(changed(path)) }
    }

    /// Adds a file, or a link to nothing.
    pub(super) fn entry(&mut self, name: &[u8], path: &Path) -> Result<(), MeasurementError> {
        let is_link = path.is_symlink();
        if is_link && !path.exists() {
            let target = fs::read_link(path).map_err(MeasurementError::io(path))?;
            let target = target.as_os_str().as_bytes();
            self.head(LINK_TO_NOTHING, name, target.len() as u64);
            self.context.update(target);
            return Ok(());
        }
        self.file(name, path)
    }

    pub(super) fn finish(self) -> Digest {
        self.context.finish()
    }

    fn head(&mut self, kind: u8, name: &[u8], content_length: u64) {
        self.context.update(&[kind]);
        self.context.update(&(name.len() as u64).to_be_bytes());
        self.context.update(name);
        self.context.update(&content_length.to_be_bytes());
    }
}

fn changed(path: &Path) -> MeasurementError {
    MeasurementError::Changed { path: path.to_owned() }
}
