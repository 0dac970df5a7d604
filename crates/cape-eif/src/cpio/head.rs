use std::io::{self, Read, Write};

use super::entry::Device;
use super::{HEADER_BYTES, MAGIC, padding};
use crate::source::length_as_u64;

/// What an entry's header says.
pub(super) struct Head {
    pub(super) inode: u32,
    pub(super) mode: u32,
    pub(super) owner: Owner,
    pub(super) links: u32,
    pub(super) size: u32,
    pub(super) device: Device,
}

/// Whose an entry is: by default, root's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Owner {
    pub(super) user: u32,
    pub(super) group: u32,
}

pub(super) const NO_DEVICE: Device = Device { major: 0, minor: 0 };

impl Head {
    /// The header and the name.
    pub(super) fn write(&self, name: &str, output: &mut impl Write) -> io::Result<()> {
        let Self { inode, mode, owner: Owner { user, group }, links, size, device } = self;
        let (major, minor) = (device.major, device.minor);
        let name_size = name.len() + 1;
        output.write_all(MAGIC)?;
        write!(output, "{inode:08x}{mode:08x}{user:08x}{group:08x}{links:08x}{0:08x}{size:08x}", 0)?;
        write!(output, "{0:08x}{0:08x}{major:08x}{minor:08x}{name_size:08x}{0:08x}", 0)?;
        output.write_all(name.as_bytes())?;
        output.write_all(&[0])?;
        write_padding(HEADER_BYTES + length_as_u64(name_size), output)
    }

    /// The header, the name and the content, which has exactly that size.
    pub(super) fn write_with(
        &mut self,
        name: &str,
        size: u64,
        content: impl Read,
        output: &mut impl Write,
    ) -> io::Result<()> {
        self.size = u32::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.write(name, output)?;
        // One more, to see a file that has grown.
        if io::copy(&mut content.take(size + 1), output)? != size {
            return Err(io::Error::other("its size changed while it was read"));
        }
        write_padding(size, output)
    }
}

fn write_padding(size: u64, output: &mut impl Write) -> io::Result<()> {
    (0..padding(size)).try_for_each(|_| output.write_all(&[0]))
}
