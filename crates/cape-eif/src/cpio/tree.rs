use core::fmt;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::entry::Device;
use super::head::{Head, NO_DEVICE, Owner};
use super::name::{self, NameDefect};
use super::{PERMISSION_MASK, TRAILER, TYPE_CHARACTER_DEVICE, TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK};
use crate::source::length_as_u64;

/// What an archive will hold. What is written depends on names, permissions, owners, contents, targets
/// and devices, and on nothing else: entries come in the order of the bytes of their names, belong to
/// user and group 0 unless they are given to others, are of the time 0, and are numbered as they come. A file on disk with several names
/// becomes several files.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
}

/// What a file has in it.
#[derive(Clone, Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The bytes that a file has when the archive is written.
    File(PathBuf),
    /// So many of a file's bytes, from an offset on.
    Part {
        /// The file.
        path: PathBuf,
        /// Where they begin.
        offset: u64,
        /// How many there are.
        size: u64,
    },
}

#[derive(Debug)]
struct Node {
    permissions: u16,
    owner: Owner,
    kind: NodeKind,
}

#[derive(Debug)]
enum NodeKind {
    CharacterDevice(Device),
    Directory,
    File(Content),
    Symlink(String),
}

impl Tree {
    /// One without entries. The root itself needs none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory. Like every entry it has a name of its own, below a directory that is there.
    ///
    /// # Errors
    ///
    /// What does not hold for the name or the permissions.
    pub fn directory(&mut self, name: &str, permissions: u16) -> Result<(), TreeError> {
        self.add(name, permissions, NodeKind::Directory)
    }

    /// Adds a file.
    ///
    /// # Errors
    ///
    /// Those of [`Tree::directory`].
    pub fn file(&mut self, name: &str, permissions: u16, content: Content) -> Result<(), TreeError> {
        self.add(name, permissions, NodeKind::File(content))
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    ///
    /// Those of [`Tree::directory`], and a target that is empty, longer than 4095 bytes or with a NUL.
    pub fn symlink(&mut self, name: &str, target: &str) -> Result<(), TreeError> {
        if !(1..=4095).contains(&target.len()) || target.contains('\0') {
            return Err(TreeError::Target { name: name.to_owned() });
        }
        self.add(name, 0o777, NodeKind::Symlink(target.to_owned()))
    }

    /// Adds a character device, such as [`Device::CONSOLE`].
    ///
    /// # Errors
    ///
    /// Those of [`Tree::directory`].
    pub fn character_device(
        &mut self,
        name: &str,
        permissions: u16,
        device: Device,
    ) -> Result<(), TreeError> {
        self.add(name, permissions, NodeKind::CharacterDevice(device))
    }

    /// Gives an entry to another user and group than 0.
    ///
    /// # Errors
    ///
    /// There is no entry of that name.
    pub fn give_to(&mut self, name: &str, user: u32, group: u32) -> Result<(), TreeError> {
        let node = self.nodes.get_mut(name).ok_or_else(|| TreeError::NoEntry { name: name.to_owned() })?;
        node.owner = Owner { user, group };
        Ok(())
    }

    /// Adds all that is in a folder of the disk: below `name`, which is a directory already, or at the
    /// root, with an empty `name`. Permissions are made independent of a umask: 0755 for directories
    /// and for files that their owner may execute, 0644 for other files. Symbolic links are kept.
    ///
    /// # Errors
    ///
    /// Those of [`Tree::directory`]; something else than directories, files and symbolic links; and
    /// what reading the folder says.
    pub fn folder(&mut self, name: &str, folder: &Path) -> Result<(), TreeError> {
        let failed = |error| TreeError::Io { path: folder.to_owned(), error };
        for found in fs::read_dir(folder).map_err(failed)? {
            let path = found.map_err(failed)?.path();
            let failed = |error| TreeError::Io { path: path.clone(), error };
            let part = path.file_name().unwrap_or_default();
            let part = text(part.as_bytes(), &path)?;
            let name = if name.is_empty() { part.to_owned() } else { format!("{name}/{part}") };
            let metadata = fs::symlink_metadata(&path).map_err(failed)?;
            if metadata.is_dir() {
                self.directory(&name, 0o755)?;
                self.folder(&name, &path)?;
            } else if metadata.is_symlink() {
                let target = fs::read_link(&path).map_err(failed)?;
                self.symlink(&name, text(target.as_os_str().as_bytes(), &path)?)?;
            } else if metadata.is_file() {
                let permissions = if metadata.mode() & 0o100 == 0 { 0o644 } else { 0o755 };
                self.file(&name, permissions, Content::File(path))?;
            } else {
                return Err(TreeError::Type { path });
            }
        }
        Ok(())
    }

    /// Writes the archive, with its end.
    ///
    /// # Errors
    ///
    /// Writing failed, or a file cannot be read, has 4 GiB or more, or changes its size meanwhile.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        for (inode, (name, node)) in (1..).zip(&self.nodes) {
            node.write(inode, name, output)?;
        }
        let trailer =
            Head { inode: 0, mode: 0, owner: Owner::default(), links: 1, size: 0, device: NO_DEVICE };
        trailer.write(TRAILER, output)
    }

    fn add(&mut self, name: &str, permissions: u16, kind: NodeKind) -> Result<(), TreeError> {
        let named = || name.to_owned();
        name::check(name).map_err(|defect| TreeError::Name { name: named(), defect })?;
        if u32::from(permissions) > PERMISSION_MASK {
            return Err(TreeError::Permissions { name: named(), found: permissions });
        }
        if let Some((parent, _)) = name.rsplit_once('/') {
            let parent = self.nodes.get(parent).map(|node| &node.kind);
            if !matches!(parent, Some(NodeKind::Directory)) {
                return Err(TreeError::NoDirectory { name: named() });
            }
        }
        if self.nodes.contains_key(name) {
            return Err(TreeError::NameTaken { name: named() });
        }
        self.nodes.insert(named(), Node { permissions, owner: Owner::default(), kind });
        Ok(())
    }
}

impl Node {
    fn write(&self, inode: u32, name: &str, output: &mut impl Write) -> io::Result<()> {
        let (mode, owner) = (self.permissions.into(), self.owner);
        let mut head = Head { inode, mode, owner, links: 1, size: 0, device: NO_DEVICE };
        match &self.kind {
            NodeKind::CharacterDevice(device) => {
                head.mode |= TYPE_CHARACTER_DEVICE;
                head.device = *device;
                head.write(name, output)
            }
            NodeKind::Directory => {
                head.mode |= TYPE_DIRECTORY;
                head.links = 2;
                head.write(name, output)
            }
            NodeKind::File(Content::Bytes(bytes)) => {
                head.mode |= TYPE_FILE;
                head.write_with(name, length_as_u64(bytes.len()), bytes.as_slice(), output)
            }
            NodeKind::File(Content::File(path)) => {
                head.mode |= TYPE_FILE;
                let written = File::open(path).and_then(|file| {
                    let size = file.metadata()?.len();
                    head.write_with(name, size, file, output)
                });
                written.map_err(of_file(path))
            }
            NodeKind::File(Content::Part { path, offset, size }) => {
                head.mode |= TYPE_FILE;
                let written = File::open(path).and_then(|mut file| {
                    file.seek(SeekFrom::Start(*offset))?;
                    head.write_with(name, *size, file.take(*size), output)
                });
                written.map_err(of_file(path))
            }
            NodeKind::Symlink(target) => {
                head.mode |= TYPE_SYMLINK;
                head.write_with(name, length_as_u64(target.len()), target.as_bytes(), output)
            }
        }
    }
}

/// Names the file that an error is about.
fn of_file(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn text<'a>(bytes: &'a [u8], path: &Path) -> Result<&'a str, TreeError> {
    core::str::from_utf8(bytes).map_err(|_| TreeError::NotUtf8 { path: path.to_owned() })
}

/// Why something cannot be in a tree.
#[derive(Debug)]
pub enum TreeError {
    /// The disk said so.
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// The name is none.
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        defect: NameDefect,
    },
    /// There is an entry with this name.
    NameTaken {
        /// The name.
        name: String,
    },
    /// Above this entry is no directory, so that the kernel would leave it out.
    NoDirectory {
        /// The entry's name.
        name: String,
    },
    /// There is no entry of that name.
    NoEntry {
        /// The name.
        name: String,
    },
    /// The name of a file, or the target of a link, is not UTF-8.
    NotUtf8 {
        /// The file or the link.
        path: PathBuf,
    },
    /// More than the twelve bits of permission.
    Permissions {
        /// The entry's name.
        name: String,
        /// What was given.
        found: u16,
    },
    /// A symbolic link to a text that is empty, longer than 4095 bytes or with a NUL.
    Target {
        /// The link's name.
        name: String,
    },
    /// Neither a directory nor a file nor a symbolic link.
    Type {
        /// Where it is on the disk.
        path: PathBuf,
    },
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Name { name, defect } => write!(f, "the name {name:?}: {defect}"),
            Self::NameTaken { name } => write!(f, "{name:?} is there already"),
            Self::NoDirectory { name } => write!(f, "{name:?} is not below a directory that is there"),
            Self::NoEntry { name } => write!(f, "there is no {name:?}"),
            Self::NotUtf8 { path } => write!(f, "{}: a name or a target that is not UTF-8", path.display()),
            Self::Permissions { name, found } => {
                write!(f, "{name:?} with the permissions {found:o}, more than 7777")
            }
            Self::Target { name } => {
                write!(f, "the symbolic link {name:?} points to no text of 1 to 4095 bytes")
            }
            Self::Type { path } => {
                write!(f, "{} is neither a directory nor a file nor a symbolic link", path.display())
            }
        }
    }
}

impl core::error::Error for TreeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::Name { defect, .. } => Some(defect),
            _ => None,
        }
    }
}
