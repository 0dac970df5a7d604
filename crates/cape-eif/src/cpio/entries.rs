use std::collections::BTreeMap;
use std::io::Read;

use cape_core::crypto::Sha256;

use super::entry::{Device, Entry, EntryKind};
use super::error::Error;
use super::name::{self, MAX_NAME_BYTES, NameDefect};
use super::places::{Linked, Places};
use super::{
    MAGIC, PERMISSION_MASK, TRAILER, TYPE_BLOCK_DEVICE, TYPE_CHARACTER_DEVICE, TYPE_DIRECTORY, TYPE_FIFO,
    TYPE_FILE, TYPE_MASK, TYPE_SOCKET, TYPE_SYMLINK, padding,
};
use crate::source::{Source, length_as_u64};

/// The longest target of a symbolic link.
const MAX_TARGET_BYTES: u32 = 4095;
/// The most of a file whose content is asked for.
const MAX_CONTENT_BYTES: u32 = 1 << 20;

/// Reads an archive from its first byte to the end of its input, entry by entry.
///
/// It is one archive: what follows its end are zeros. Contents pass through and are hashed; names are
/// held, and there is a limit for them, since each entry has to be what the kernel unpacks at its name:
/// none comes twice, or is in no directory of the archive, or is another name of a file before it.
/// After an error, or the end, there is nothing more.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cape_eif::cpio::{Content, Entries, Entry, Tree};
///
/// let mut tree = Tree::new();
/// tree.file("init", 0o755, Content::Bytes(b"#!/bin/sh\n".to_vec()))?;
/// let mut archive = Vec::new();
/// tree.write(&mut archive)?;
/// let entries: Vec<Entry> = Entries::new(archive.as_slice()).collect::<Result<_, _>>()?;
/// assert_eq!(entries[0].name, "init");
/// # Ok(())
/// # }
/// ```
pub struct Entries<R> {
    source: Source<R>,
    places: Places,
    is_over: bool,
    /// Whose content is asked for, once it is there.
    contents: BTreeMap<String, Option<Vec<u8>>>,
}

/// The fields of an entry, in their order.
struct Fields {
    inode: u32,
    mode: u32,
    user: u32,
    group: u32,
    links: u32,
    modified: u32,
    size: u32,
    /// That the file was on.
    disk: (u32, u32),
    device: Device,
    name_size: u32,
}

impl Fields {
    /// Set for a file of several names; the links of a directory are those in it.
    fn linked(&self) -> Option<Linked> {
        let file_type = self.mode & TYPE_MASK;
        let is_linked = self.links >= 2 && !matches!(file_type, TYPE_DIRECTORY | TYPE_SYMLINK);
        is_linked.then_some(Linked { disk: self.disk, inode: self.inode, file_type })
    }
}

impl<R: Read> Entries<R> {
    /// The entries of the archive that begins where `input` does.
    pub fn new(input: R) -> Self {
        Self {
            source: Source::new(input),
            places: Places::default(),
            is_over: false,
            contents: BTreeMap::new(),
        }
    }

    /// Reads on to the end, and returns the contents of those files that have one of these names.
    ///
    /// # Errors
    ///
    /// What is wrong with the archive; a file of such a name that has more than a MiB.
    pub fn contents(mut self, names: &[&str]) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        self.contents = names.iter().map(|name| ((*name).to_owned(), None)).collect();
        self.by_ref().try_for_each(|entry| entry.map(drop))?;
        Ok(self.contents.into_iter().filter_map(|(name, content)| Some((name, content?))).collect())
    }

    fn read_entry(&mut self) -> Result<Option<Entry>, Error> {
        let begin = self.source.offset();
        let fields = self.read_fields()?;
        let name = self.read_name(begin, fields.name_size)?;
        if name == TRAILER {
            expect_no_content(begin, &fields)?;
            self.read_zeros_to_the_end()?;
            return Ok(None);
        }
        let kind = self.read_content(begin, &name, &fields)?;
        let is_root = name == "." && kind == EntryKind::Directory;
        if !is_root {
            name::check(&name).map_err(|defect| Error::Name { offset: begin, defect })?;
        }
        self.places.take(begin, &name, &kind, fields.linked())?;
        let Fields { inode, mode, user, group, links, modified, .. } = fields;
        let permissions = u16::try_from(mode & PERMISSION_MASK).unwrap_or(u16::MAX);
        Ok(Some(Entry { name, kind, permissions, user, group, modified, inode, links }))
    }

    fn read_fields(&mut self) -> Result<Fields, Error> {
        let offset = self.source.offset();
        let found = self.source.fixed()?;
        if found != *MAGIC {
            return Err(Error::Magic { offset, found });
        }
        let (inode, mode, user, group) = (self.field()?, self.field()?, self.field()?, self.field()?);
        let (links, modified, size) = (self.field()?, self.field()?, self.field()?);
        let disk = (self.field()?, self.field()?);
        let device = Device { major: self.field()?, minor: self.field()? };
        let name_size = self.field()?;
        let offset = self.source.offset();
        if self.field()? != 0 {
            return Err(Error::Padding { offset });
        }
        Ok(Fields { inode, mode, user, group, links, modified, size, disk, device, name_size })
    }

    /// A field of 8 hexadecimal digits, of either case.
    fn field(&mut self) -> Result<u32, Error> {
        let offset = self.source.offset();
        let found = self.source.fixed::<8>()?;
        let value =
            found.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?));
        value.ok_or(Error::Field { offset, found })
    }

    /// The name, of that many bytes with the NUL at its end.
    fn read_name(&mut self, offset: u64, size: u32) -> Result<String, Error> {
        let wrong = |defect| Error::Name { offset, defect };
        let size = usize::try_from(size).ok().filter(|size| *size <= MAX_NAME_BYTES + 1);
        let mut name = self.collect(size.ok_or(wrong(NameDefect::TooLong))?)?;
        match name.pop() {
            None => return Err(wrong(NameDefect::Empty)),
            Some(0) => {}
            Some(_) => return Err(Error::Padding { offset: self.source.offset() - 1 }),
        }
        self.read_padding(self.source.offset() - offset)?;
        if name.contains(&0) {
            return Err(wrong(NameDefect::Nul));
        }
        String::from_utf8(name).map_err(|_| wrong(NameDefect::NotUtf8))
    }

    fn read_content(&mut self, offset: u64, name: &str, fields: &Fields) -> Result<EntryKind, Error> {
        let empty = |kind| expect_no_content(offset, fields).map(|()| kind);
        if fields.mode & !(TYPE_MASK | PERMISSION_MASK) != 0 {
            return Err(Error::Mode { offset, found: fields.mode });
        }
        match fields.mode & TYPE_MASK {
            TYPE_BLOCK_DEVICE => empty(EntryKind::BlockDevice(fields.device)),
            TYPE_CHARACTER_DEVICE => empty(EntryKind::CharacterDevice(fields.device)),
            TYPE_DIRECTORY => empty(EntryKind::Directory),
            TYPE_FIFO => empty(EntryKind::Fifo),
            TYPE_SOCKET => empty(EntryKind::Socket),
            TYPE_FILE => {
                let mut hash = Sha256::new();
                let mut content = self.contents.get_mut(name).map(|content| content.insert(Vec::new()));
                if content.is_some() && fields.size > MAX_CONTENT_BYTES {
                    return Err(Error::TooLarge { offset, found: fields.size, limit: MAX_CONTENT_BYTES });
                }
                self.source.pieces(fields.size.into(), |piece| {
                    hash.update(piece);
                    if let Some(content) = &mut content {
                        content.extend_from_slice(piece);
                    }
                })?;
                self.read_padding(fields.size.into())?;
                Ok(EntryKind::File { size: fields.size, sha256: hash.finish() })
            }
            TYPE_SYMLINK => {
                let wrong = || Error::Target { offset };
                let size = Some(fields.size).filter(|size| (1..=MAX_TARGET_BYTES).contains(size));
                let size = size.and_then(|size| usize::try_from(size).ok()).ok_or_else(wrong)?;
                let target = String::from_utf8(self.collect(size)?).map_err(|_| wrong())?;
                self.read_padding(fields.size.into())?;
                if target.contains('\0') { Err(wrong()) } else { Ok(EntryKind::Symlink { target }) }
            }
            _ => Err(Error::Mode { offset, found: fields.mode }),
        }
    }

    /// The zeros behind what has `size` bytes and began at a multiple of four.
    fn read_padding(&mut self, size: u64) -> Result<(), Error> {
        (0..padding(size)).try_for_each(|_| self.read_zero())
    }

    fn read_zeros_to_the_end(&mut self) -> Result<(), Error> {
        while !self.source.is_at_end()? {
            self.read_zero()?;
        }
        Ok(())
    }

    fn read_zero(&mut self) -> Result<(), Error> {
        let offset = self.source.offset();
        match self.source.fixed()? {
            [0] => Ok(()),
            [_] => Err(Error::Padding { offset }),
        }
    }

    /// So many bytes, which is little.
    fn collect(&mut self, size: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(size);
        self.source.pieces(length_as_u64(size), |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }
}

impl<R: Read> Iterator for Entries<R> {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let entry = self.read_entry().transpose();
        self.is_over = !matches!(entry, Some(Ok(_)));
        entry
    }
}

fn expect_no_content(offset: u64, fields: &Fields) -> Result<(), Error> {
    if fields.size == 0 { Ok(()) } else { Err(Error::Content { offset, found: fields.size }) }
}
