//! Puts the runtime together, runs it, and takes it down.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cape_core::encoding::hex;
use cape_core::identity::RevocationNumbers;
use cape_core::receipt::Signer;
use cape_core::session::{IsolationLayer, RuntimeDescription, RuntimeLimits};
use cape_nsm::Nsm;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::attestation::Attester;
use crate::blobs::Blobs;
use crate::clock::Clock;
use crate::command::Simulation;
use crate::error::StartError;
use crate::functions::Functions;
use crate::jail::{Jail, Layer};
use crate::listener::Listener;
use crate::metrics::{MeasuredNsm, Metrics};
use crate::net::Address;
use crate::operations::RunLog;
use crate::operator::Operator;
use crate::python::{Python, RARELY_IMPORTED};
use crate::runtime::{Count, Runtime};
use crate::settings::Settings;
use crate::stop::{self, Requests, Stop};
use crate::storage::Storage;
use crate::store::Store;
use crate::vault::{self, Source};
use crate::warm::Warm;
use crate::worker::child::Interpreter;
use crate::worker::{Blueprint, Code, Compiler, Failure, Owner, Pool, Spawner, Worker, end_all_children};

/// How long tasks may take to notice that the runtime ends.
const SHUTDOWN: Duration = Duration::from_millis(500);

/// What a runtime is started with.
pub(crate) struct Configuration {
    pub(crate) settings: Settings,
    pub(crate) python: Python,
    /// Where the vault's secret comes from.
    pub(crate) vault: Source,
    /// Which vault that has to be.
    pub(crate) vault_id: [u8; 32],
    pub(crate) nsm: Box<dyn Nsm>,
    /// In what the security module is worse than it could be.
    pub(crate) simulation: Simulation,
    /// The host's blob service.
    pub(crate) blobs: Address,
    pub(crate) address: Address,
    /// Where the operator asks, if anywhere.
    pub(crate) operate: Option<Address>,
    /// Of how many runs a second the log tells how they go on, if of any.
    pub(crate) log_runs: Option<u64>,
}

/// Serves until standard input ends or SIGTERM comes, and the calls under way have ended.
pub(crate) fn serve(configuration: Configuration) -> Result<(), StartError> {
    warn_of(configuration.simulation);
    warn_of_unsigned_documents(&configuration.settings);
    allow_descriptors();
    // What workers have to read may be of another user.
    umask(Mode::from_raw_mode(0o022));
    // Before there is a second thread: storage may move the process into namespaces of its own.
    let mut storage = Storage::create(configuration.settings.limits.storage_bytes)
        .map_err(|error| StartError::new(format!("no storage for functions: {error}")))?;
    if let Some(reason) = storage.shared() {
        tracing::warn!(reason, "the storage of functions is a folder that the host can see");
    }
    if !configuration.settings.isolation.insecure_off.contains(&Layer::PrivateRoot) {
        storage.build_root(&configuration.python);
    }
    let storage = Arc::new(storage);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::new(format!("no threads: {error}")))?;
    let served = runtime.block_on(run(configuration, Arc::clone(&storage)));
    // Ends every task, and with the tasks the workers; then what these leave behind.
    runtime.shutdown_timeout(SHUTDOWN);
    end_all_children();
    served
}

async fn run(configuration: Configuration, storage: Arc<Storage>) -> Result<(), StartError> {
    let mut requests = Requests::listen()?;
    let vault_id = configuration.vault_id;
    let (address, operate) = (configuration.address.clone(), configuration.operate.clone());
    // KMS may keep it waiting, whoever started it need not.
    let assembled = tokio::select! {
        assembled = assemble(configuration, storage) => assembled?,
        () = requests.first() => return Ok(()),
    };
    let runtime = Arc::new(assembled);
    Warm::look_after(&runtime);
    let document = runtime
        .attester
        .first_digest()
        .await
        .map_err(|error| StartError::new(format!("no attestation document: {error}")))?;
    let listener = Listener::bind(&address, Arc::clone(&runtime)).await?;
    let operator = match operate {
        Some(address) => Some(Operator::bind(&address, Arc::clone(&runtime)).await?),
        None => None,
    };
    println!(
        "{}",
        json!({
            "ready": true,
            "port": listener.port(),
            "operate": operator.as_ref().and_then(Operator::port),
            "vault": hex::encode(&vault_id),
            "document": hex::encode(&document),
            "stop_grace_s": runtime.settings.limits.stop_grace_s,
        })
    );
    if let Some(operator) = operator {
        tokio::spawn(operator.run());
    }
    tracing::info!(port = listener.port(), "ready");
    tokio::select! {
        () = listener.run() => {}
        () = stopped(&runtime, requests) => {}
    }
    tracing::info!(documents = runtime.attester.documents(), "ended");
    Ok(())
}

/// Resolves when the runtime was asked to end and has done so in order, or was asked again.
async fn stopped(runtime: &Runtime, mut requests: Requests) {
    requests.first().await;
    stop::announce();
    tokio::select! {
        () = runtime.stop.in_order(runtime.settings.limits.stop_grace()) => {}
        () = requests.impatient() => tracing::warn!("ends at once, with what is under way"),
    }
}

async fn assemble(configuration: Configuration, storage: Arc<Storage>) -> Result<Runtime, StartError> {
    let Configuration { settings, python, vault, vault_id, nsm, blobs, log_runs, .. } = configuration;
    let metrics = Metrics::new(&settings);
    let nsm: Arc<dyn Nsm> = Arc::new(MeasuredNsm::new(nsm, &metrics));
    let vault = Arc::new(vault::open(&settings, vault, &vault_id, &nsm).await?);
    let interpreter =
        Interpreter { python: python.executable.clone(), pycache: storage.pycache(), shim: storage.shim() };
    let jail = jail(&settings, &python, &storage);
    let processors = settings.limits.processors_per_worker;
    let spawner = Spawner::start(Blueprint { interpreter, jail, processors })
        .map_err(|error| StartError::new(format!("no thread for workers: {error}")))?;
    let (pool, first) = Pool::start(Arc::new(spawner), &settings, &python.version).await?;
    let library = Code { folder: python.standard_library.clone(), compiled: storage.pycache() };
    tokio::spawn(prepare_workers(Arc::clone(&pool), first, library));

    let clock = Arc::new(Clock::default());
    let description = describe(&settings, &python, &pool, &storage).encode();
    let receipts = Signer::new().map_err(|_| StartError::new("no receipt key was made"))?;
    let sessions = usize::try_from(settings.limits.sessions_per_document).unwrap_or(1);
    let insecure_unsigned = settings.insecure_unsigned_documents;
    let attester = Attester::new(
        nsm,
        Arc::clone(&clock),
        description,
        vault.id(),
        receipts.key(),
        sessions,
        insecure_unsigned,
    );
    let store = Store::new(Arc::new(Blobs::new(blobs)), Arc::clone(&vault));
    let functions = Functions::new(store, Arc::clone(&storage), Arc::clone(&pool), &settings.limits);
    let warm = Warm::new(&settings.limits);
    let deploys = usize::try_from(settings.limits.deploys).unwrap_or(Semaphore::MAX_PERMITS);
    Ok(Runtime {
        settings,
        clock,
        metrics,
        run_log: RunLog::new(log_runs),
        vault,
        attester,
        receipts,
        functions,
        pool,
        warm,
        session_workers: Arc::default(),
        revocations: RevocationNumbers::default(),
        deploys: Semaphore::new(deploys),
        storage,
        python: python.version,
        platform: python.c_library.platform(),
        calls: Count::default(),
        loaded_workers: Count::default(),
        stop: Stop::default(),
    })
}

/// What the runtime says of itself once, and every document vouches for.
fn describe(settings: &Settings, python: &Python, pool: &Pool, storage: &Storage) -> RuntimeDescription {
    let layers = pool.layers().iter().map(|report| IsolationLayer {
        name: report.layer.name().to_owned(),
        required: settings.isolation.required.contains(&report.layer),
        off_because: report.missing.clone(),
    });
    let storage = IsolationLayer {
        name: "private_storage".to_owned(),
        required: false,
        off_because: storage.shared().map(str::to_owned),
    };
    let limits = &settings.limits;
    RuntimeDescription {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mode: settings.mode,
        python: python.version.clone(),
        platform: python.c_library.platform(),
        isolation: layers.chain([storage]).collect(),
        vault_backends: settings.vault_backends.iter().map(|backend| backend.name().to_owned()).collect(),
        limits: RuntimeLimits {
            calls: limits.calls_per_connection,
            run_bytes: limits.input_bytes,
            deploy_bytes: limits.bundle_bytes,
            handshakes: limits.handshakes_per_second,
        },
    }
}

/// What workers put around themselves.
fn jail(settings: &Settings, python: &Python, storage: &Storage) -> Jail {
    let limits = &settings.limits;
    let python_prefix = python.standard_library.parent().and_then(Path::parent);
    let readable =
        ["/etc/ld.so.cache", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/dev/urandom"].map(PathBuf::from);
    Jail {
        root: storage.root().clone(),
        readable: readable
            .into_iter()
            .chain(python_prefix.map(Path::to_path_buf))
            .chain([python.executable.clone(), storage.folder().to_path_buf()])
            .collect(),
        user: Err("none was chosen".to_owned()),
        scratch_bytes: limits.scratch_bytes,
        processes: limits.processes,
        insecure_off: settings.isolation.insecure_off.clone(),
    }
}

/// Byte-compiles what every worker begins with, before there are more of them; then what functions
/// import of the standard library.
async fn prepare_workers(pool: Arc<Pool>, first: Worker, library: Code) {
    let begun = async {
        let mut compiler = Compiler::new(first, &library, Owner::Interpreter).await?;
        compiler.compile_imported().await?;
        Ok::<_, Failure>(compiler)
    };
    let begun = begun.await;
    tokio::spawn(pool.keep_spares());
    let compiled = match begun {
        Ok(compiler) => compiler.compile_all(&RARELY_IMPORTED).await,
        Err(failure) => Err(failure),
    };
    match compiled {
        Ok(()) => tracing::info!("the standard library is byte-compiled"),
        Err(failure) => tracing::warn!(reason = %failure, "the standard library is not byte-compiled"),
    }
}

/// Each connection and each worker takes a descriptor, and what processes are given to begin with
/// (often 1,024) is for programs that use select(2).
fn allow_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of descriptors was not raised");
    }
}

/// Documents that nobody has signed are for tests, and not to be overlooked.
pub(crate) fn warn_of_unsigned_documents(settings: &Settings) {
    if settings.insecure_unsigned_documents {
        tracing::warn!(
            "documents are shown that nobody may have signed, as the settings ask (insecure_unsigned_documents)"
        );
    }
}

/// What makes the simulated security module worse is for development, and not to be overlooked.
fn warn_of(simulation: Simulation) {
    let Simulation { delay, ahead_s } = simulation;
    if simulation != Simulation::default() {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(
            delay_ms,
            ahead_s,
            "the simulated security module is slow, or its clock is wrong, as asked for"
        );
    }
}
