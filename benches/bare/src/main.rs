//! Bare primitives of both providers, and the parts of a session, timed for the benchmark harness
//! (`benches/children.py`).
//!
//! Reads one request a line, `{"work": "aws-lc aes-256-gcm", "sizes": [1048576], "runs": 20}`, and
//! answers each with one line, the seconds of each run: `{"laps": [0.0001, ...]}`, or
//! `{"error": "..."}`. A run does the work once for each size. Ends with its input.

mod chunks;
mod session;
mod signatures;

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};

/// Something to be timed, with everything it needs at hand.
type Work = Box<dyn FnMut()>;

#[derive(Deserialize)]
struct Request {
    work: String,
    sizes: Vec<usize>,
    runs: usize,
}

fn main() -> io::Result<()> {
    let mut prepared = HashMap::new();
    for line in io::stdin().lock().lines() {
        let answer = answer(&line?, &mut prepared).unwrap_or_else(|error| json!({"error": error}));
        let mut output = io::stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn answer(line: &str, prepared: &mut HashMap<(String, Vec<usize>), Vec<Work>>) -> Result<Value, String> {
    let request: Request = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let key = (request.work, request.sizes);
    if !prepared.contains_key(&key) {
        let (work, sizes) = &key;
        let prepare = preparation(work).ok_or_else(|| format!("there is no work {work:?}"))?;
        prepared.insert(key.clone(), sizes.iter().map(|size| prepare(*size)).collect());
    }
    let works = prepared.get_mut(&key).ok_or("unreachable: it was just prepared")?;
    let laps: Vec<f64> = (0..request.runs).map(|_| lap(works)).collect();
    Ok(json!({"laps": laps}))
}

fn preparation(work: &str) -> Option<fn(usize) -> Work> {
    match work {
        "aws-lc aes-256-gcm" => Some(chunks::aws_lc),
        "aws-lc p-384" => Some(signatures::aws_lc),
        "attestation document" => Some(session::document),
        "handshake" => Some(session::handshake),
        "ring aes-256-gcm" => Some(chunks::ring),
        "ring p-384" => Some(signatures::ring),
        _ => None,
    }
}

fn lap(works: &mut [Work]) -> f64 {
    let start = Instant::now();
    works.iter_mut().for_each(|work| work());
    start.elapsed().as_secs_f64()
}
