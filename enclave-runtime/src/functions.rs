//! The functions that are at hand: manifests that were read, bundles that were unpacked.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cape_core::identity::{Checksum, Manifest, Signed};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;

use crate::bundle::{BundleError, Incoming};
use crate::operations::CallError;
use crate::storage::{Storage, occupied};
use crate::store::Store;
use crate::worker::{Code, Compiler, Failure, Overloaded, Owner, Pool};

/// Functions that are remembered without their bundle.
const MAX_MANIFESTS: usize = 4096;

/// Bundles that may be on their way from the store at the same time.
const FETCHES: usize = 32;

/// Bundles that are byte-compiled or wait for it. Beyond it they are compiled as they are imported,
/// every time.
const COMPILE_QUEUE: usize = 64;

/// The functions at hand. What is not comes from the store.
pub(crate) struct Functions {
    store: Store,
    storage: Arc<Storage>,
    pool: Arc<Pool>,
    /// Bytes that unpacked bundles may occupy while nobody uses them.
    cache_bytes: u64,
    /// Bytes of one unpacked bundle.
    unpacked_bytes: u64,
    at_hand: Mutex<HashMap<Checksum, Arc<Function>>>,
    /// Counts uses, to know which was last.
    uses: AtomicU64,
    /// One permit for each bundle that may be on its way from the store.
    fetches: Semaphore,
    /// How long one waits for its turn.
    fetch_timeout: Duration,
    /// One bundle is byte-compiled at a time, and few wait for their turn.
    compiling: Arc<Semaphore>,
    compile_queue: Arc<Semaphore>,
}

/// A function whose manifest was read and verified.
pub(crate) struct Function {
    pub(crate) manifest: Signed<Manifest>,
    unpacked: OnceCell<Unpacked>,
    last_use: AtomicU64,
}

/// An unpacked bundle; removed when nobody has it any more.
pub(crate) struct Unpacked {
    code: Code,
    /// What it occupies, and what is compiled of it, once that is known.
    bytes: u64,
    compiled_bytes: Arc<AtomicU64>,
}

impl Functions {
    /// None yet.
    pub(crate) fn new(
        store: Store,
        storage: Arc<Storage>,
        pool: Arc<Pool>,
        limits: &crate::settings::Limits,
    ) -> Self {
        Self {
            store,
            storage,
            pool,
            cache_bytes: limits.function_cache_bytes,
            unpacked_bytes: limits.unpacked_bytes,
            at_hand: Mutex::default(),
            uses: AtomicU64::new(0),
            fetches: Semaphore::new(FETCHES),
            fetch_timeout: limits.queue_timeout(),
            compiling: Arc::new(Semaphore::new(1)),
            compile_queue: Arc::new(Semaphore::new(COMPILE_QUEUE)),
        }
    }

    /// Where functions are kept.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The function with that checksum.
    pub(crate) async fn find(&self, checksum: Checksum) -> Result<Arc<Function>, CallError> {
        if let Some(function) = self.at_hand().get(&checksum) {
            function.last_use.store(self.next_use(), Ordering::Relaxed);
            return Ok(Arc::clone(function));
        }
        let manifest = self.store.manifest(checksum).await?;
        let function = self.add(manifest, OnceCell::new());
        self.evict();
        Ok(function)
    }

    /// The code of a function, whose bundle is fetched and unpacked when it is not there; those who
    /// ask for the same at the same time wait for one fetch.
    pub(crate) async fn code<'a>(&self, function: &'a Function) -> Result<&'a Code, CallError> {
        let fetch = async {
            let turn = timeout(self.fetch_timeout, self.fetches.acquire()).await;
            let Ok(Ok(_turn)) = turn else { return Err(Overloaded::now().into()) };
            let mut bundle = self.storage.new_bundle()?;
            self.store.bundle(&function.manifest, &mut bundle).await?;
            self.unpack(bundle).await
        };
        let unpacked = function.unpacked.get_or_try_init(|| fetch).await?;
        self.evict();
        Ok(&unpacked.code)
    }

    /// Checks a bundle that is being deployed by unpacking it.
    pub(crate) async fn unpack(&self, bundle: Incoming) -> Result<Unpacked, CallError> {
        let limit = self.unpacked_bytes;
        let code = self.storage.new_code()?;
        let mut unpacked = Unpacked { code, bytes: 0, compiled_bytes: Arc::default() };
        let unpacked = tokio::task::spawn_blocking(move || {
            bundle.unpack(&unpacked.code.folder, limit)?;
            unpacked.bytes = occupied(&unpacked.code.folder)?;
            Ok::<_, BundleError>(unpacked)
        });
        let unpacked = unpacked.await.map_err(|_| CallError::service("unpacking failed"))??;
        self.compile(&unpacked);
        Ok(unpacked)
    }

    /// Remembers a function that was just deployed.
    pub(crate) fn deployed(&self, manifest: Signed<Manifest>, unpacked: Unpacked) {
        self.add(manifest, OnceCell::new_with(Some(unpacked)));
        self.evict();
    }

    /// Byte-compiles a bundle in the background: the first call does not wait for all of it, and
    /// later ones find what they import. Where there is little room, it is left for bundles.
    fn compile(&self, unpacked: &Unpacked) {
        if self.storage.is_almost_full() {
            return;
        }
        let Ok(place) = Arc::clone(&self.compile_queue).try_acquire_owned() else { return };
        let turn = Arc::clone(&self.compiling).acquire_owned();
        let pool = Arc::clone(&self.pool);
        let (code, counted) = (unpacked.code.clone(), Arc::clone(&unpacked.compiled_bytes));
        tokio::spawn(async move {
            let _place = place;
            let _turn = turn.await;
            if let Err(failure) = compile(&pool, &code).await {
                // Not its words: those may be the function's.
                let outcome = CallError::from(failure).class().name();
                tracing::info!(outcome, "a function was not byte-compiled");
            }
            let compiled = code.compiled.clone();
            if let Ok(Ok(bytes)) = tokio::task::spawn_blocking(move || occupied(&compiled)).await {
                counted.store(bytes, Ordering::Relaxed);
            }
            // The bundle may have been dropped meanwhile, and what was compiled of it removed too early.
            if !code.folder.exists() {
                remove(&code.compiled);
            }
        });
    }

    /// The first one that was added stays.
    fn add(&self, manifest: Signed<Manifest>, unpacked: OnceCell<Unpacked>) -> Arc<Function> {
        let checksum = manifest.checksum();
        let last_use = AtomicU64::new(self.next_use());
        let mut at_hand = self.at_hand();
        let has_folder = at_hand.get(&checksum).is_some_and(|function| function.unpacked.initialized());
        if !has_folder && (unpacked.initialized() || !at_hand.contains_key(&checksum)) {
            at_hand.insert(checksum, Arc::new(Function { manifest, unpacked, last_use }));
        }
        Arc::clone(&at_hand[&checksum])
    }

    /// Forgets those that were used least recently and that nobody uses now, until the rest is
    /// within the limits.
    fn evict(&self) {
        let mut at_hand = self.at_hand();
        let unused = |function: &Arc<Function>| Arc::strong_count(function) == 1;
        let mut bytes: u64 =
            at_hand.values().filter(|function| unused(function)).map(|function| function.bytes()).sum();
        while bytes > self.cache_bytes || at_hand.len() > MAX_MANIFESTS {
            let oldest = at_hand
                .iter()
                .filter(|(_, function)| unused(function))
                .min_by_key(|(_, function)| function.last_use.load(Ordering::Relaxed))
                .map(|(checksum, _)| *checksum);
            let Some(function) = oldest.and_then(|oldest| at_hand.remove(&oldest)) else { break };
            bytes = bytes.saturating_sub(function.bytes());
        }
    }

    /// How many functions are at hand, and how many bytes they have unpacked.
    pub(crate) fn held(&self) -> (u64, u64) {
        let at_hand = self.at_hand();
        (at_hand.len() as u64, at_hand.values().map(|function| function.bytes()).sum())
    }

    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }

    fn at_hand(&self) -> MutexGuard<'_, HashMap<Checksum, Arc<Function>>> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Function {
    fn bytes(&self) -> u64 {
        let bytes = |unpacked: &Unpacked| unpacked.bytes + unpacked.compiled_bytes.load(Ordering::Relaxed);
        self.unpacked.get().map_or(0, bytes)
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        let folders = [&mut self.code.folder, &mut self.code.compiled].map(std::mem::take);
        // There may be many files, and whoever drops this has other calls to serve. When the
        // runtime ends, they go with the storage.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn_blocking(move || folders.iter().for_each(|folder| remove(folder)));
    }
}

async fn compile(pool: &Pool, code: &Code) -> Result<(), Failure> {
    let compiler = Compiler::new(pool.new_worker().await?, code, Owner::Function).await?;
    compiler.compile_all(&[]).await
}

fn remove(folder: &Path) {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, "a folder of a function was not removed");
        }
        _ => {}
    }
}
