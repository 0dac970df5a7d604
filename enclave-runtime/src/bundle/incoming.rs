//! A bundle as it comes. What is large of it is not stored twice: the content of an entry goes straight
//! into the file that the entry becomes.
//!
//! This only guesses, by the headers that stand before contents. What an entry is, is said by the
//! archive's directory, which comes last; a content that was taken out for another entry than that is
//! no content of any.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;
use rustix::fs::{AtFlags, CWD, linkat};

use super::error::BundleError;

/// Contents with a file of their own: each is an open file until the bundle is unpacked.
const MOST: usize = 16;

/// Bytes of a local header without its name and extra fields (APPNOTE 4.3.7).
const HEADER: usize = 30;

/// The flags of what is encrypted, and of what has its sizes behind it (APPNOTE 4.4.4).
const ENCRYPTED_OR_STREAMED: u16 = 0b1001;

/// An archive that is being written, in pieces of any size.
pub(crate) struct Incoming {
    /// All of it, with holes where contents were taken out.
    archive: File,
    length: u64,
    /// Where files without a name are made.
    folder: PathBuf,
    large: u64,
    next: Next,
    contents: Vec<Content>,
}

/// What comes next.
enum Next {
    /// A local header, of which this is there.
    Header(Vec<u8>),
    /// So many bytes of the archive, and behind them the content of an entry or its neighbour's header.
    Kept { left: u64, content: Option<u64> },
    /// So many bytes of the last of the contents.
    Taken { left: u64 },
    /// The directory, or what nobody can tell.
    Rest,
}

/// What was taken out of an archive: a file without a name.
pub(super) struct Content {
    pub(super) start: u64,
    pub(super) size: u64,
    checksum: Hasher,
    file: File,
}

impl Incoming {
    /// An archive that is kept in `archive`, an empty file on the file system of `folder`. Contents
    /// of `large` bytes and more are taken out.
    pub(crate) fn new(archive: File, folder: &Path, large: u64) -> Self {
        let (folder, next) = (folder.to_owned(), Next::header());
        Self { archive, length: 0, folder, large, next, contents: Vec::new() }
    }

    /// Takes the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (start, mut kept, mut at) = (self.length, 0, 0);
        while at < bytes.len() {
            let part = &bytes[at..bytes.len().min(at.saturating_add(self.next.wanted()))];
            if let (Next::Taken { .. }, Some(content)) = (&self.next, self.contents.last_mut()) {
                self.archive.write_all_at(&bytes[kept..at], start + kept as u64)?;
                kept = at + part.len();
                content.checksum.update(part);
                content.file.write_all(part)?;
            }
            at += part.len();
            self.length += part.len() as u64;
            self.advance(part);
        }
        self.archive.write_all_at(&bytes[kept..], start + kept as u64)
    }

    /// Unpacks it, all of which was written, into the existing, empty folder `into`: see
    /// [`super::unpack`].
    pub(crate) fn unpack(mut self, into: &Path, limit: u64) -> Result<u64, BundleError> {
        self.archive.set_len(self.length)?; // it may end in a hole
        super::unpack(&mut self.archive, &self.contents, into, limit)
    }

    fn advance(&mut self, part: &[u8]) {
        let count = part.len() as u64;
        match &mut self.next {
            Next::Header(header) => {
                header.extend_from_slice(part);
                if let Ok(header) = header[..].try_into() {
                    self.next = Next::after(header, self.large);
                }
            }
            Next::Kept { left, content } if *left == count => {
                self.next = match *content {
                    Some(size) => self.take_out(size),
                    None => Next::header(),
                }
            }
            Next::Taken { left } if *left == count => self.next = Next::header(),
            Next::Kept { left, .. } | Next::Taken { left } => *left -= count,
            Next::Rest => {}
        }
    }

    /// Lets a content that comes next have a file of its own, where there can be one.
    fn take_out(&mut self, size: u64) -> Next {
        let mut options = OpenOptions::new();
        let file = options.write(true).mode(0o400).custom_flags(libc::O_TMPFILE).open(&self.folder);
        match file {
            Ok(file) if self.contents.len() < MOST => {
                self.contents.push(Content { start: self.length, size, checksum: Hasher::new(), file });
                Next::Taken { left: size }
            }
            _ => Next::Kept { left: size, content: None },
        }
    }
}

impl Next {
    fn header() -> Self {
        Self::Header(Vec::with_capacity(HEADER))
    }

    /// What follows a local header.
    fn after(header: &[u8; HEADER], large: u64) -> Self {
        let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let double = |at: usize| u64::from(word(at)) | u64::from(word(at + 2)) << 16;
        let names = u64::from(word(26)) + u64::from(word(28));
        let (stored, size) = (double(18), double(22));
        if !header.starts_with(b"PK\x03\x04") || word(6) & ENCRYPTED_OR_STREAMED != 0 || names == 0 {
            return Self::Rest;
        }
        match word(8) == 0 && stored == size && size >= large {
            true => Self::Kept { left: names, content: Some(size) },
            false => Self::Kept { left: names + stored, content: None },
        }
    }

    /// Bytes of it, as far as that is known.
    fn wanted(&self) -> usize {
        match self {
            Self::Header(header) => HEADER - header.len(),
            Self::Kept { left, .. } | Self::Taken { left } => usize::try_from(*left).unwrap_or(usize::MAX),
            Self::Rest => usize::MAX,
        }
    }
}

impl Content {
    /// Whether all of it came, and is what a CRC-32 says.
    pub(super) fn is(&self, checksum: u32) -> bool {
        self.checksum.clone().finalize() == checksum
    }

    /// Gives the file its name, which must be new, and its mode.
    pub(super) fn name(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(mode))?;
        // As open(2) has it for O_TMPFILE.
        let file = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        Ok(linkat(CWD, file, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
    }
}

#[cfg(test)]
mod tests;
