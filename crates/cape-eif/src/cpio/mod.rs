//! The archives that ramdisks are: cpio in the form `newc`, which the kernel unpacks at its start
//! (`docs/spec/image.md`, ramdisks).
//!
//! [`Tree`] writes an archive that depends on nothing but what is in it; [`Entries`] reads any
//! archive of that form and tells what is in it.

mod entries;
mod entry;
mod error;
mod head;
mod name;
mod places;
mod tree;

pub use entries::Entries;
pub use entry::{Device, Entry, EntryKind};
pub use error::Error;
pub use name::NameDefect;
pub use tree::{Content, Tree, TreeError};

/// `070701`: numbers are hexadecimal digits, and there is no checksum.
const MAGIC: &[u8; 6] = b"070701";
/// The magic and 13 fields of 8 digits.
const HEADER_BYTES: u64 = 110;
/// The name of the entry that ends an archive.
const TRAILER: &str = "TRAILER!!!";
/// Names and contents are followed by zeros, up to a multiple of this.
const ALIGNMENT: u64 = 4;
/// The type in a file's mode, and the types that there are (`inode(7)`).
const TYPE_MASK: u32 = 0o170_000;
const TYPE_FIFO: u32 = 0o010_000;
const TYPE_CHARACTER_DEVICE: u32 = 0o020_000;
const TYPE_DIRECTORY: u32 = 0o040_000;
const TYPE_BLOCK_DEVICE: u32 = 0o060_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_SYMLINK: u32 = 0o120_000;
const TYPE_SOCKET: u32 = 0o140_000;
/// Read, write and execute for user, group and others; set-user-id, set-group-id, sticky.
const PERMISSION_MASK: u32 = 0o7777;

/// How many zeros follow what ends at `offset`.
fn padding(offset: u64) -> u64 {
    offset.next_multiple_of(ALIGNMENT) - offset
}
