//! The host's side of an enclave: its sign of life, its blobs, and who supervises it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cape_core::encoding::hex;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::net::unix::OwnedWriteHalf;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::blob_store::BlobStore;
use super::machine::eventually;

const BEAT: u8 = 0xb7;

/// How often something is said that comes byte by byte.
const PAUSE: Duration = Duration::from_millis(500);

/// What an enclave is told first, and how.
#[derive(Clone)]
pub(crate) enum Hello {
    /// These bytes; the host may say more later.
    Bytes(Vec<u8>),
    /// These bytes, and nothing after them.
    Last(Vec<u8>),
    /// These bytes one by one, again and again.
    Dripping(&'static [u8]),
}

impl Hello {
    /// A line of JSON.
    pub(crate) fn line(value: &Value) -> Self {
        Self::Bytes(format!("{value}\n").into_bytes())
    }
}

/// Serves one enclave after the other, as long as it is there.
pub(crate) struct Host {
    heard: Arc<Heard>,
    tasks: Vec<JoinHandle<()>>,
}

/// What the enclave has said.
#[derive(Default)]
struct Heard {
    beats: AtomicUsize,
    lines: Mutex<Vec<Value>>,
    /// Whether there are no more to come.
    is_over: AtomicBool,
    /// The end of the supervision that goes to the enclave.
    to_enclave: tokio::sync::Mutex<Option<OwnedWriteHalf>>,
}

impl Host {
    /// Listens in a folder; `instructions` is what an enclave is told first.
    pub(crate) fn listen(folder: &Path, blobs: &BlobStore, instructions: Value) -> Self {
        Self::saying(folder, blobs, Hello::line(&instructions))
    }

    /// Listens in a folder.
    pub(crate) fn saying(folder: &Path, blobs: &BlobStore, hello: Hello) -> Self {
        blobs.serve(&folder.join("host_7010"));
        let heard = Arc::new(Heard::default());
        let listener = |port: u32| UnixListener::bind(folder.join(format!("host_{port}"))).unwrap();
        let beats = tokio::spawn(beat(listener(9000), Arc::clone(&heard)));
        let supervision = tokio::spawn(supervise(listener(7011), Arc::clone(&heard), hello));
        Self { heard, tasks: vec![beats, supervision] }
    }

    /// What an enclave of that vault is told.
    pub(crate) fn instructions(vault: &[u8; 32]) -> Value {
        json!({"v": 1, "vault": {"id": hex::encode(vault)}})
    }

    /// Signs of life that were given.
    pub(crate) fn beats(&self) -> usize {
        self.heard.beats.load(Ordering::SeqCst)
    }

    /// What the enclave has said, line by line.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.heard.lines.lock().unwrap().clone()
    }

    /// All that an enclave has said which ends: the machine may be gone before the last of it is read.
    pub(crate) async fn last_lines(&self) -> Vec<Value> {
        let over = async || self.heard.is_over.load(Ordering::SeqCst).then_some(());
        eventually("the enclave has said its last", over).await;
        self.lines()
    }

    /// Waits until the enclave has said something with this member.
    pub(crate) async fn heard(&self, member: &str) -> Value {
        let said = || self.lines().into_iter().find(|line| line.get(member).is_some());
        eventually(&format!("the enclave says {member:?}"), async || said()).await
    }

    /// Waits until the enclave has this message in its log.
    pub(crate) async fn logged(&self, message: &str) {
        let said = |line: Value| line["fields"]["message"] == message;
        let said = || self.lines().into_iter().any(said).then_some(());
        eventually(&format!("the log says {message:?}"), async || said()).await;
    }

    /// Ends the enclave in order: nothing more is said to it.
    pub(crate) async fn end_supervision(&self) {
        drop(self.heard.to_enclave.lock().await.take());
    }

    /// Says something to the enclave.
    pub(crate) async fn tell(&self, line: Value) {
        self.tell_bytes(format!("{line}\n").as_bytes()).await;
    }

    /// Says something that may be no line, and no JSON.
    pub(crate) async fn tell_bytes(&self, bytes: &[u8]) {
        self.heard.to_enclave.lock().await.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    /// Ends all that it has to do with enclaves, as a crash of it would.
    pub(crate) async fn crash(&self) {
        for task in &self.tasks {
            task.abort();
        }
        self.end_supervision().await;
    }
}

async fn beat(listener: UnixListener, heard: Arc<Heard>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        if let Ok(BEAT) = stream.read_u8().await {
            heard.beats.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_u8(BEAT).await;
        }
    }
}

async fn supervise(listener: UnixListener, heard: Arc<Heard>, hello: Hello) {
    while let Ok((stream, _)) = listener.accept().await {
        let (reader, writer) = stream.into_split();
        let saying = tokio::spawn(say(hello.clone(), writer, Arc::clone(&heard)));
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
            heard.lines.lock().unwrap().push(line);
        }
        heard.is_over.store(true, Ordering::SeqCst);
        saying.abort();
        heard.to_enclave.lock().await.take();
    }
}

async fn say(hello: Hello, mut to_enclave: OwnedWriteHalf, heard: Arc<Heard>) {
    match hello {
        Hello::Bytes(bytes) => {
            // An enclave that ends meanwhile is not told all of it.
            let _ = to_enclave.write_all(&bytes).await;
            *heard.to_enclave.lock().await = Some(to_enclave);
        }
        Hello::Last(bytes) => {
            let _ = to_enclave.write_all(&bytes).await;
        }
        Hello::Dripping(bytes) => {
            for byte in bytes.iter().cycle() {
                if to_enclave.write_all(&[*byte]).await.is_err() {
                    return;
                }
                sleep(PAUSE).await;
            }
        }
    }
}
