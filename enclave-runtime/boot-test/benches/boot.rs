//! How long it takes from the start of a machine until its enclave is there. The images are named on
//! the line; `run timings` builds them.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use support::enclave::Enclave;
use support::environment;

/// Starts of each image; what is told is the one in the middle.
const STARTS: usize = 3;

#[tokio::main]
async fn main() {
    println!("{:<12} {:>8} {:>10} {:>24}", "image", "MB", "ready, s", "attested answer, s");
    for image in std::env::args().skip(1).filter(|argument| !argument.starts_with('-')) {
        let bytes = std::fs::metadata(environment::image(&image)).unwrap().len();
        let mut starts = Vec::new();
        for _ in 0..STARTS {
            starts.push(start(&image).await);
        }
        let [ready, answered] = [0, 1].map(|which| middle(starts.iter().map(|start| start[which]).collect()));
        println!("{image:<12} {:>8} {ready:>10.1} {answered:>24.1}", bytes / 1_000_000);
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

/// In seconds.
fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}
