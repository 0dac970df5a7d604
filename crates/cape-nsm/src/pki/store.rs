//! The folder with the keys: nobody else may read it, and a file is there whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::PkiError;
use super::authority::Authority;
use super::pem::{self, Block, Label};

pub(super) struct Store {
    directory: PathBuf,
}

impl Store {
    /// Makes the folder when there is none.
    pub(super) fn create(directory: &Path) -> Result<Self, PkiError> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(PkiError::io(directory))?;
        refuse_exposed(directory)?;
        Ok(Self { directory: directory.to_owned() })
    }

    pub(super) fn open(directory: &Path) -> Result<Self, PkiError> {
        if directory.exists() {
            refuse_exposed(directory)?;
        }
        Ok(Self { directory: directory.to_owned() })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes the root, unless there is one: then the answer is false.
    pub(super) fn write_root(&self, root: &Authority) -> Result<bool, PkiError> {
        let path = self.root_path();
        let draft = self.write_draft(&[certificate_of(root), key_of(root)?])?;
        // Unlike a rename, a new link replaces nothing.
        let linked = match fs::hard_link(&draft, &path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(PkiError::io(&path)(error)),
        };
        fs::remove_file(&draft).map_err(PkiError::io(&draft))?;
        self.sync_directory()?;
        linked
    }

    pub(super) fn read_root(&self) -> Result<Option<Authority>, PkiError> {
        let path = self.root_path();
        let Some(blocks) = read(&path)? else {
            return Ok(None);
        };
        match authorities(&blocks).map_err(malformed(&path))? {
            authorities if authorities.len() == 1 => Ok(authorities.into_iter().next()),
            _ => Err(malformed(&path)("not one certificate and its key")),
        }
    }

    /// Replaces the chain. The root's certificate stands first, to tell whose chain it is.
    pub(super) fn write_chain<'a>(
        &self,
        root: &Authority,
        chain: impl Iterator<Item = &'a Authority>,
    ) -> Result<(), PkiError> {
        let path = self.chain_path();
        let mut blocks = vec![certificate_of(root)];
        for authority in chain {
            blocks.extend([certificate_of(authority), key_of(authority)?]);
        }
        let draft = self.write_draft(&blocks)?;
        fs::rename(&draft, &path).map_err(PkiError::io(&path))?;
        self.sync_directory()
    }

    /// The chain below this root; empty when there is none yet.
    pub(super) fn read_chain(&self, root: &Authority) -> Result<Vec<Authority>, PkiError> {
        let path = self.chain_path();
        let Some(blocks) = read(&path)? else {
            return Ok(Vec::new());
        };
        match blocks.split_first() {
            Some((first, rest)) if *first.contents == root.certificate() => {
                authorities(rest).map_err(malformed(&path))
            }
            _ => Ok(Vec::new()),
        }
    }

    fn root_path(&self) -> PathBuf {
        self.directory.join("root.pem")
    }

    fn chain_path(&self) -> PathBuf {
        self.directory.join("chain.pem")
    }

    /// Writes a file under a name of its own, on the disk when this returns.
    fn write_draft(&self, blocks: &[Block]) -> Result<PathBuf, PkiError> {
        let mut number = [0; 8];
        rand::fill(&mut number).map_err(PkiError::issue)?;
        let name = format!(".draft-{:016x}", u64::from_be_bytes(number));
        let path = self.directory.join(name);
        let text = pem::encode(blocks);
        if let Err(error) = write_new(&path, text.as_bytes()) {
            // What could not be written is of no use to anyone.
            let _ = fs::remove_file(&path);
            return Err(PkiError::io(&path)(error));
        }
        Ok(path)
    }

    fn sync_directory(&self) -> Result<(), PkiError> {
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(PkiError::io(&self.directory))
    }
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn read(path: &Path) -> Result<Option<Vec<Block>>, PkiError> {
    let text = match fs::read(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PkiError::io(path)(error)),
    };
    refuse_exposed(path)?;
    let text = std::str::from_utf8(&text).map_err(malformed(path))?;
    pem::decode(text).map(Some).map_err(malformed(path))
}

/// Authorities are certificates, each followed by its key.
fn authorities(blocks: &[Block]) -> Result<Vec<Authority>, String> {
    let (pairs, rest) = blocks.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a certificate without a key".to_owned());
    }
    pairs
        .iter()
        .map(|[certificate, key]| {
            if (certificate.label, key.label) != (Label::Certificate, Label::PrivateKey) {
                return Err("not a certificate followed by its key".to_owned());
            }
            Authority::from_parts(certificate.contents.to_vec(), &key.contents)
        })
        .collect()
}

fn certificate_of(authority: &Authority) -> Block {
    Block::new(Label::Certificate, authority.certificate())
}

fn key_of(authority: &Authority) -> Result<Block, PkiError> {
    Ok(Block::new(Label::PrivateKey, authority.key()?.as_ref()))
}

fn refuse_exposed(path: &Path) -> Result<(), PkiError> {
    let mode = fs::metadata(path).map_err(PkiError::io(path))?.mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(PkiError::Exposed { path: path.to_owned(), mode })
}

fn malformed<E: ToString>(path: &Path) -> impl FnOnce(E) -> PkiError {
    let path = path.to_owned();
    move |reason| PkiError::Malformed { path, reason: reason.to_string() }
}
