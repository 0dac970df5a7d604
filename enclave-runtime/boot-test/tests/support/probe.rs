//! A machine whose PID 1 is the probe, and the way to ask programs of ours in any machine.

use cape_eif::Measurements;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::image;
use super::machine::{Machine, PATIENCE, Settings};

const PORT: u32 = 7100;

/// The machine, and what its image measures.
pub(crate) struct Probe {
    pub(crate) machine: Machine,
    pub(crate) measurements: Measurements,
}

impl Probe {
    pub(crate) async fn start(folder: tempfile::TempDir, settings: Settings) -> Self {
        let path = folder.path().join("probe.eif");
        let measurements = image::of_probe(&path);
        let settings = Settings { memory: 256, ..settings };
        Self { machine: Machine::start(folder, &path, settings).await, measurements }
    }

    /// Has something done; what comes of it.
    pub(crate) async fn ask(&self, line: &str) -> Value {
        ask(&self.machine, line).await
    }

    /// The connection on which something is being done.
    pub(crate) async fn call(&self, line: &str) -> UnixStream {
        call(&self.machine, line).await
    }
}

/// Has a program of ours in a machine do something; what comes of it.
pub(crate) async fn ask(machine: &Machine, line: &str) -> Value {
    let mut stream = call(machine, line).await;
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an answer in time").unwrap();
    serde_json::from_str(&answer).unwrap()
}

/// The connection on which it is doing something.
pub(crate) async fn call(machine: &Machine, line: &str) -> UnixStream {
    let mut stream = machine.connect_eventually(PORT).await;
    stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    stream
}
