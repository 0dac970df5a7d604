/// One entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it will be: a path from the root, without a slash in front; `.` is the root itself.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its twelve bits of permission: 0o755.
    pub permissions: u16,
    /// Whose it is.
    pub user: u32,
    /// Whose group's it is.
    pub group: u32,
    /// When it was changed, in seconds since 1970.
    pub modified: u32,
    /// Its number. Files of one number are one file (hard links), where `links` is above 1.
    pub inode: u32,
    /// How many names it has, as the archive says.
    pub links: u32,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A block device.
    BlockDevice(Device),
    /// A character device.
    CharacterDevice(Device),
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A file.
    File {
        /// Its bytes.
        size: u32,
        /// The SHA-256 of its content.
        sha256: [u8; 32],
    },
    /// A Unix socket.
    Socket,
    /// A symbolic link.
    Symlink {
        /// Where it points to, which may be anything.
        target: String,
    },
}

/// The numbers of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its kind: 5 is a terminal.
    pub major: u32,
    /// Which of its kind.
    pub minor: u32,
}

impl Device {
    /// `/dev/console`, which the kernel opens for the first process: without it that has no output.
    pub const CONSOLE: Self = Self { major: 5, minor: 1 };
    /// `/dev/null`.
    pub const NULL: Self = Self { major: 1, minor: 3 };
}
