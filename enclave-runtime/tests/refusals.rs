//! Connections beyond the limit: each is told that there is no room, however many come.

mod support;

use std::time::Duration;

use support::{Platform, Runtime, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More than are told after their request was read.
const SILENT: usize = 100;
const MORE: usize = 200;

const REQUEST: &[u8] =
    b"GET /v2/session?nonce=2ZEUkT5OsG9HaOUpht99MS5f0ufDnnjQ9BQRSLJ6G4k&suites=1 HTTP/1.1\r\n\
    Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: cape.v2\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn each_connection_beyond_the_limit_is_told_so() {
    let platform = Platform::with_limits("connections = 1").await;
    let runtime = platform.start();
    let _session = runtime.connect().await;
    let _silent = connected(&runtime, SILENT).await;
    let mut asking = connected(&runtime, MORE).await;
    for stream in &mut asking {
        // It may be told before it asks, and be closed.
        let _ = stream.write_all(REQUEST).await;
    }
    for stream in asking {
        assert_refused(stream).await;
    }
    let full = "cape_enclave_handshakes_total{outcome=\"full\"}";
    eventually(async || (runtime.metric(full).await >= MORE as f64).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_too_large_does_not_cost_its_client_the_answer() {
    let platform = Platform::with_limits("connections = 1").await;
    let runtime = platform.start();
    let _session = runtime.connect().await;
    let _silent = connected(&runtime, SILENT).await;
    let mut stream = connect(&runtime).await;
    stream.write_all(&[b'x'; 300_000]).await.expect("it is heard to its end");
    assert_refused(stream).await;
}

/// So many connections, one after the other.
async fn connected(runtime: &Runtime<'_>, count: usize) -> Vec<TcpStream> {
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(connect(runtime).await);
    }
    connections
}

async fn connect(runtime: &Runtime<'_>) -> TcpStream {
    TcpStream::connect(("127.0.0.1", runtime.port)).await.unwrap()
}

async fn assert_refused(mut stream: TcpStream) {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(60), read).await.expect("an answer in time");
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
    assert!(head.contains("\r\nretry-after: 1"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["code"], "Overloaded");
}
