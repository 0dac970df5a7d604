use std::io;
use std::sync::Arc;
use std::time::Duration;

use cape_core::ErrorCode;
use cape_core::crypto::Sha256;
use cape_core::encoding::hex;
use cape_core::identity::{Manifest, OwnerProof, Signed};
use cape_core::session::End;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::inflate::Inflate;
use super::{Call, CallError};
use crate::bundle::Incoming;
use crate::python;
use crate::runtime::Runtime;
use crate::store::Publication;

/// What a caller is told to wait before it asks again, when as many deploys are under way as may be.
const RETRY_HINT: Duration = Duration::from_secs(2);

/// Takes in a function: its signed manifest in OPEN, its bundle as the input.
///
/// Nothing is published before the digest of the bundle holds and it was unpacked; the manifest's
/// blob is written last, and that is the commit.
pub(super) async fn deploy(mut call: Call, manifest: &str) -> Result<End, CallError> {
    let runtime = Arc::clone(&call.runtime);
    let manifest = Signed::<Manifest>::read(manifest)?;
    let proof = call.open.owner_proof.as_deref().ok_or_else(|| {
        CallError::new(ErrorCode::PermissionDenied, "deploying needs the account's proof of this session")
    })?;
    Signed::<OwnerProof>::read(proof)?.verify(manifest.account, &call.session.owner)?;
    check_fits(&runtime, &manifest)?;

    let _turn = runtime.deploys.try_acquire().map_err(|_| {
        CallError::overloaded("as many functions are being deployed as can be, nothing was done", RETRY_HINT)
    })?;

    let mut bundle = Bundle::new(&runtime, &manifest);
    let mut publication = runtime.functions.store().publish(&manifest).await?;
    let mut inflate = call.open.options.zstd.then(|| Inflate::new(manifest.bundle_size)).transpose()?;
    while let Some(part) = call.input.next().await? {
        let Some(inflate) = &mut inflate else {
            bundle.take(part, &mut publication).await?;
            continue;
        };
        // A few bytes may hold all of a bundle: each piece is put away before the next comes out.
        let mut stream = &part[..];
        while let Some(inflated) = inflate.next(&mut stream)? {
            bundle.take(inflated, &mut publication).await?;
        }
    }
    let unpacked = runtime.functions.unpack(bundle.finish().await?).await?;
    publication.commit(&manifest).await?;
    runtime.functions.deployed(manifest, unpacked);
    Ok(End::default())
}

/// Whether this runtime can run the function at all.
fn check_fits(runtime: &Runtime, manifest: &Manifest) -> Result<(), CallError> {
    let limits = &runtime.settings.limits;
    let refused = |message: String| Err(CallError::new(ErrorCode::PackagingError, message));
    if manifest.bundle_size > limits.bundle_bytes {
        return Err(CallError::too_large("bundle", Some(manifest.bundle_size), limits.bundle_bytes));
    }
    if manifest.python != runtime.python {
        let (packed, runs) = (&manifest.python, &runtime.python);
        return refused(format!("the function is packed for Python {packed}, this enclave runs {runs}"));
    }
    if !python::runs_wheels_for(&runtime.platform, &manifest.platform) {
        let (packed, runs) = (&manifest.platform, &runtime.platform);
        return refused(format!("the function is packed for {packed}, this enclave is {runs}"));
    }
    if u64::from(manifest.memory_mib) > limits.memory_mib {
        let limit = limits.memory_mib;
        return refused(format!("memory_mib is {}, this enclave allows {limit}", manifest.memory_mib));
    }
    if u64::from(manifest.timeout_s) > limits.timeout_s {
        let limit = limits.timeout_s;
        return refused(format!("timeout_s is {}, this enclave allows {limit}", manifest.timeout_s));
    }
    Ok(())
}

/// A bundle on its way in: what came so far, measured against the manifest.
struct Bundle<'a> {
    manifest: &'a Manifest,
    /// Bytes that are still to come.
    missing: u64,
    /// Digests and stores the last bytes, while the next are opened, sealed and sent.
    storing: JoinHandle<io::Result<Stored>>,
}

/// What is stored of a bundle.
struct Stored {
    incoming: Incoming,
    digest: Sha256,
}

impl<'a> Bundle<'a> {
    fn new(runtime: &Arc<Runtime>, manifest: &'a Manifest) -> Self {
        let runtime = Arc::clone(runtime);
        let storing = spawn_blocking(move || {
            runtime.storage.new_bundle().map(|incoming| Stored { incoming, digest: Sha256::new() })
        });
        Self { manifest, missing: manifest.bundle_size, storing }
    }

    /// Takes the next bytes: they are sealed and sent while those before them are stored.
    async fn take(&mut self, part: Vec<u8>, publication: &mut Publication) -> Result<(), CallError> {
        self.count(&part)?;
        publication.write(&part).await?;
        self.write(part).await
    }

    /// Takes note of the next bytes, before anything is done with them.
    fn count(&mut self, part: &[u8]) -> Result<(), CallError> {
        let missing = self.missing.checked_sub(part.len() as u64);
        self.missing = missing.ok_or_else(|| mismatch(self.manifest, "is longer than the manifest says"))?;
        Ok(())
    }

    /// Takes bytes that were counted, once those before them are stored.
    async fn write(&mut self, part: Vec<u8>) -> Result<(), CallError> {
        let mut stored = (&mut self.storing).await.map_err(not_stored)??;
        self.storing = spawn_blocking(move || {
            stored.digest.update(&part);
            stored.incoming.write(&part)?;
            Ok(stored)
        });
        Ok(())
    }

    /// The whole bundle, whose size and digest are those of the manifest.
    async fn finish(self) -> Result<Incoming, CallError> {
        if self.missing > 0 {
            return Err(mismatch(self.manifest, "is shorter than the manifest says"));
        }
        let Stored { incoming, digest } = self.storing.await.map_err(not_stored)??;
        if hex::encode(&digest.finish()) != self.manifest.bundle_sha256 {
            return Err(mismatch(self.manifest, "is not the one that the manifest names"));
        }
        Ok(incoming)
    }
}

fn mismatch(manifest: &Manifest, how: &str) -> CallError {
    CallError::new(ErrorCode::ChecksumMismatch, format!("the bundle {how}"))
        .with("bundle_size", manifest.bundle_size)
        .with("bundle_sha256", &manifest.bundle_sha256)
}

fn not_stored(_: JoinError) -> CallError {
    CallError::service("storing the bundle failed")
}
