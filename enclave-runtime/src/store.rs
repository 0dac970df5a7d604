//! Functions in the host's store: a bundle and a manifest each, sealed under the vault's secret and
//! bound to their place (`docs/spec/trust.md`, vault; `docs/spec/blobs.md`).

use std::sync::Arc;

use cape_core::ErrorCode;
use cape_core::crypto::Sha256;
use cape_core::encoding::hex;
use cape_core::envelope::{CHUNK_LENGTH, PREFIX_LENGTH, PayloadSealer, SEALED_CHUNK_LENGTH, payload_length};
use cape_core::identity::{BlobKind, BlobName, Checksum, MAX_JWS_LENGTH, Manifest, Signed, Vault};
use getrandom::SysRng;
use rand_core::UnwrapErr;

use crate::blobs::{BlobError, Blobs, Download, Upload};
use crate::bundle::Incoming;
use crate::operations::CallError;

/// Chunks that are sealed or opened at a time, so that the cipher runs at full speed.
const WINDOW: usize = 16;

/// The store, as far as functions go.
pub(crate) struct Store {
    blobs: Arc<Blobs>,
    vault: Arc<Vault>,
}

impl Store {
    /// The functions that the host keeps for this vault.
    pub(crate) fn new(blobs: Arc<Blobs>, vault: Arc<Vault>) -> Self {
        Self { blobs, vault }
    }

    /// Whether the host's store answers.
    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        self.blobs.check().await
    }

    /// The manifest of a function, exactly as its account signed it.
    pub(crate) async fn manifest(&self, checksum: Checksum) -> Result<Signed<Manifest>, CallError> {
        let name = BlobName { kind: BlobKind::Manifest, function: checksum };
        let limit = sealed_length(MAX_JWS_LENGTH as u64)?;
        let Some(download) = self.blobs.get(&name.to_string(), limit).await? else {
            let message = format!("there is no function {checksum}");
            return Err(CallError::new(ErrorCode::NotFound, message));
        };
        let sealed = download.read_all().await?;
        let broken = || corrupted("manifest");
        let text = self.vault.open_whole(name, &sealed).map_err(|_| broken())?;
        let text = String::from_utf8(text).map_err(|_| broken())?;
        let manifest = Signed::<Manifest>::read(&text).map_err(|_| broken())?;
        if manifest.checksum() == checksum { Ok(manifest) } else { Err(broken()) }
    }

    /// Writes a function's bundle into `bundle`; it is what the manifest says it is.
    pub(crate) async fn bundle(
        &self,
        manifest: &Signed<Manifest>,
        bundle: &mut Incoming,
    ) -> Result<(), CallError> {
        let name = BlobName { kind: BlobKind::Bundle, function: manifest.checksum() };
        let limit = sealed_length(manifest.bundle_size)?;
        let download = self.blobs.get(&name.to_string(), limit).await?;
        let mut sealed = Sealed { download: download.ok_or_else(|| corrupted("bundle"))?, read: Vec::new() };
        let broken = |_| corrupted("bundle");
        let prefix = sealed.take::<PREFIX_LENGTH>().await?;
        let mut opener = self.vault.open(name, &prefix).map_err(|_| corrupted("bundle"))?;
        let mut digest = Sha256::new();
        let mut plaintext = vec![0; WINDOW * SEALED_CHUNK_LENGTH];
        loop {
            let last = !sealed.fill(WINDOW * SEALED_CHUNK_LENGTH).await?;
            if last {
                let length = opener.open_last(&sealed.read, &mut plaintext).map_err(broken)?;
                digest.update(&plaintext[..length]);
                bundle.write(&plaintext[..length])?;
                break;
            }
            let window = &sealed.read[..WINDOW * SEALED_CHUNK_LENGTH];
            let length = opener.open_window(window, &mut plaintext).map_err(broken)?;
            digest.update(&plaintext[..length]);
            bundle.write(&plaintext[..length])?;
            sealed.read.drain(..WINDOW * SEALED_CHUNK_LENGTH);
        }
        // What was sealed under the vault was checked before; this is the last look at it.
        if hex::encode(&digest.finish()) == manifest.bundle_sha256 {
            Ok(())
        } else {
            Err(corrupted("bundle"))
        }
    }

    /// Begins to store a function.
    pub(crate) async fn publish(&self, manifest: &Signed<Manifest>) -> Result<Publication, CallError> {
        let name = BlobName { kind: BlobKind::Bundle, function: manifest.checksum() };
        let (sealer, prefix) = self.vault.seal(name, &mut UnwrapErr(SysRng))?;
        let mut upload = self.blobs.put(&name.to_string(), sealed_length(manifest.bundle_size)?);
        upload.write(prefix.to_vec()).await?;
        let (blobs, vault) = (Arc::clone(&self.blobs), Arc::clone(&self.vault));
        Ok(Publication { blobs, vault, sealer, upload, plaintext: Vec::new() })
    }
}

/// A function on its way into the store. Dropped before [`Publication::commit`] it leaves nothing:
/// the last bytes of its bundle are held back until then.
pub(crate) struct Publication {
    blobs: Arc<Blobs>,
    vault: Arc<Vault>,
    sealer: PayloadSealer,
    upload: Upload,
    plaintext: Vec<u8>,
}

impl Publication {
    /// Takes the next bytes of the bundle.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), CallError> {
        while self.plaintext.len() + bytes.len() > WINDOW * CHUNK_LENGTH {
            let (fill, rest) = bytes.split_at(WINDOW * CHUNK_LENGTH - self.plaintext.len());
            self.plaintext.extend_from_slice(fill);
            let mut sealed = vec![0; WINDOW * SEALED_CHUNK_LENGTH];
            self.sealer.seal_window(&self.plaintext, &mut sealed).map_err(not_sealed)?;
            self.plaintext.clear();
            self.upload.write(sealed).await?;
            bytes = rest;
        }
        self.plaintext.extend_from_slice(bytes);
        Ok(())
    }

    /// Stores the function, whose bundle is whole and proven: the bundle first, then the manifest.
    pub(crate) async fn commit(mut self, manifest: &Signed<Manifest>) -> Result<(), CallError> {
        let mut sealed = vec![0; (WINDOW + 1) * SEALED_CHUNK_LENGTH];
        let length = self.sealer.seal_last(&self.plaintext, &mut sealed).map_err(not_sealed)?;
        sealed.truncate(length);
        self.upload.write(sealed).await?;
        self.upload.finish().await?;
        let name = BlobName { kind: BlobKind::Manifest, function: manifest.checksum() };
        let sealed = self.vault.seal_whole(name, manifest.text().as_bytes(), &mut UnwrapErr(SysRng))?;
        let mut upload = self.blobs.put(&name.to_string(), sealed.len() as u64);
        upload.write(sealed).await?;
        Ok(upload.finish().await?)
    }
}

/// A sealed blob that is being read, in pieces of the reader's choice.
struct Sealed {
    download: Download,
    read: Vec<u8>,
}

impl Sealed {
    /// Reads on until more than `length` bytes are there; `false` when the blob ends before.
    async fn fill(&mut self, length: usize) -> Result<bool, CallError> {
        while self.read.len() <= length {
            match self.download.next().await? {
                Some(bytes) => self.read.extend_from_slice(&bytes),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The first bytes.
    async fn take<const N: usize>(&mut self) -> Result<[u8; N], CallError> {
        self.fill(N).await?;
        let first = *self.read.first_chunk::<N>().ok_or_else(|| corrupted("bundle"))?;
        self.read.drain(..N);
        Ok(first)
    }
}

/// The store has something else in a function's place, or nothing.
fn corrupted(what: &str) -> CallError {
    let message = format!("the stored {what} is not what was deployed");
    CallError::new(ErrorCode::FunctionCorrupted, message)
}

fn not_sealed(error: cape_core::envelope::Error) -> CallError {
    CallError::service(format!("not sealed: {error}"))
}

/// Bytes of a blob that holds `plaintext` bytes.
fn sealed_length(plaintext: u64) -> Result<u64, CallError> {
    let length = usize::try_from(plaintext).ok().and_then(payload_length);
    length.map(|length| length as u64).ok_or_else(|| CallError::service("a blob of an impossible size"))
}
