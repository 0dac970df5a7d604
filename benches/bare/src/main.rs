//! Bare primitives of both providers, timed for the benchmark harness (`benches/children.py`).
//!
//! Reads one request a line, `{"work": "aws-lc aes-256-gcm", "size": 1048576, "runs": 20}`, and
//! answers each with one line, the seconds of each run: `{"laps": [0.0001, ...]}`, or
//! `{"error": "..."}`. Ends with its input.

mod chunks;
mod signatures;

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use serde_json::{Value, json};

/// Something to be timed, with everything it needs at hand.
type Work = Box<dyn FnMut()>;

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

fn answer(line: &str, prepared: &mut HashMap<(String, usize), Work>) -> Result<Value, String> {
    let request: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let name = request["work"].as_str().ok_or("`work` is missing")?;
    let number = |field| request[field].as_u64().and_then(|number| usize::try_from(number).ok());
    let size = number("size").ok_or("`size` is missing")?;
    let runs = number("runs").ok_or("`runs` is missing")?;
    let key = (name.to_owned(), size);
    if !prepared.contains_key(&key) {
        let mut work = prepare(name, size).ok_or_else(|| format!("there is no work {name:?}"))?;
        work();
        prepared.insert(key.clone(), work);
    }
    let work = prepared.get_mut(&key).ok_or("unreachable: it was just prepared")?;
    let laps: Vec<f64> = (0..runs).map(|_| lap(work)).collect();
    Ok(json!({"laps": laps}))
}

fn prepare(name: &str, size: usize) -> Option<Work> {
    match name {
        "aws-lc aes-256-gcm" => Some(chunks::aws_lc(size)),
        "ring aes-256-gcm" => Some(chunks::ring(size)),
        "aws-lc p-384" => Some(signatures::aws_lc(size)),
        "ring p-384" => Some(signatures::ring(size)),
        _ => None,
    }
}

fn lap(work: &mut Work) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}
