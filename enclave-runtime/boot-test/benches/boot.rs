//! How long it takes from the start of a machine until its enclave is there, and what a call takes longer
//! that has to wait for its worker. The images are named on the line; `run timings` builds them.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use cape_core::identity::{Account, Checksum};
use serde_json::json;
use support::blob_store::BlobStore;
use support::enclave::{Enclave, vault};
use support::environment;
use support::function::{Function, Settings, account};
use support::host::Host;

/// Starts of each image; what is told is the one in the middle.
const STARTS: usize = 3;

/// A function that imports nothing, and one that imports what many do.
const FUNCTIONS: [(&str, &str); 2] = [
    ("none", "def cape_handler(data): return data"),
    ("asyncio, decimal, json", "import asyncio, decimal, json\ndef cape_handler(data): return data"),
];

#[tokio::main]
async fn main() {
    let images: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    println!("{:<12} {:>8} {:>10} {:>24}", "image", "MB", "ready, s", "attested answer, s");
    for image in &images {
        let bytes = std::fs::metadata(environment::image(image)).unwrap().len();
        let mut starts = Vec::new();
        for _ in 0..STARTS {
            starts.push(start(image).await);
        }
        let [ready, answered] = middles(starts);
        println!("{image:<12} {:>8} {ready:>10.1} {answered:>24.1}", bytes / 1_000_000);
    }
    let Some(image) = images.first() else { return };
    println!("{:<24} {:>16} {:>24}", "imports", "at first, s", "library compiled, s");
    let mut starts: [Vec<_>; FUNCTIONS.len()] = Default::default();
    for _ in 0..STARTS {
        for (starts, workers) in starts.iter_mut().zip(workers(image).await) {
            starts.push(workers);
        }
    }
    for ((imports, _), starts) in FUNCTIONS.iter().zip(starts) {
        let [at_first, compiled] = middles(starts);
        println!("{imports:<24} {at_first:>16.2} {compiled:>24.2}");
    }
}

/// The time until the enclave says that it is ready, and until a client has an answer of an enclave
/// that it has verified.
async fn start(image: &str) -> [Duration; 2] {
    let began = Instant::now();
    let enclave = Enclave::boot(image).await;
    let ready = began.elapsed();
    enclave.client().await.describe().await;
    [ready, began.elapsed()]
}

/// What a call of each function takes longer than the next one, because its worker has to be started:
/// when the enclave has just begun to serve, and when it has compiled the standard library.
async fn workers(image: &str) -> [[Duration; 2]; FUNCTIONS.len()] {
    let mut instructions = Host::instructions(&vault());
    instructions["limits"] = json!({"spare_workers": 0, "warm_memory_mib": 0});
    let (folder, blobs) = (tempfile::tempdir().unwrap(), BlobStore::default());
    let host = Host::listen(folder.path(), &blobs, instructions);
    let enclave = Enclave::boot_in(folder, &environment::image(image), host, blobs).await;
    let platform = enclave.platform().await;
    let account = account();
    let functions = FUNCTIONS.map(|(_, source)| {
        let settings = Settings { memory_mib: 128, timeout_s: 120, ..Settings::default() };
        Function::with(&platform, &account, &[("app.py", source.as_bytes())], settings)
    });
    let mut taken = [[Duration::ZERO; 2]; FUNCTIONS.len()];
    for (taken, function) in taken.iter_mut().zip(&functions) {
        enclave.client().await.deploy(&account, function).await.unwrap();
        taken[0] = worker(&enclave, &account, function.checksum()).await;
    }
    enclave.host.logged("the standard library is byte-compiled").await;
    for (taken, function) in taken.iter_mut().zip(&functions) {
        taken[1] = worker(&enclave, &account, function.checksum()).await;
    }
    taken
}

async fn worker(enclave: &Enclave, account: &Account, function: Checksum) -> Duration {
    let mut client = enclave.client().await;
    let mut calls = [Duration::ZERO; 2];
    for call in &mut calls {
        let began = Instant::now();
        client.run(account, function, b"hello").await.unwrap();
        *call = began.elapsed();
    }
    calls[0].saturating_sub(calls[1])
}

fn middles(starts: Vec<[Duration; 2]>) -> [f64; 2] {
    [0, 1].map(|which| middle(starts.iter().map(|start| start[which]).collect()))
}

/// In seconds.
fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}
