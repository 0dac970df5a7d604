//! The data path of a host, `cape-host`: bytes pass unread, and within limits.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data path that runs; killed when dropped.
struct DataPath {
    child: Child,
    ready: Value,
    log: NamedTempFile,
}

impl DataPath {
    fn start(enclaves: usize, options: &[&str]) -> Self {
        let log = NamedTempFile::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cape-host"))
            .args(["--enclaves", &enclaves.to_string(), "--sessions", "127.0.0.1:0"])
            .args(["--enclave-operate", "127.0.0.1:0", "--operate", "127.0.0.1:0"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).expect("a ready line"), log }
    }

    fn tell(&self, line: &Value) {
        writeln!(self.child.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    /// Leads sessions and the operator to an enclave, and waits until it does.
    async fn lead(&self, number: usize, listener: &TcpListener, serving: usize) {
        let address = format!("tcp:{}", listener.local_addr().unwrap());
        self.tell(&json!({"enclave": number, "sessions": address, "operate": address}));
        self.sees("cape_host_enclaves_serving", serving).await;
    }

    async fn session(&self) -> TcpStream {
        connect(&self.ready["sessions"]).await
    }

    /// Whether a new client's connection is reset.
    async fn resets(&self) -> bool {
        is_reset(&self.ready["sessions"]).await
    }

    /// What its operator is answered.
    async fn answer(&self, path: &str) -> String {
        let mut stream = connect(&self.ready["operate"]).await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        String::from_utf8(rest(&mut stream).await.unwrap()).unwrap()
    }

    async fn metric(&self, sample: &str) -> usize {
        let text = self.answer("/metrics").await;
        let value = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{sample} is not in {text}")).parse().unwrap()
    }

    /// Waits until a metric has a value.
    async fn sees(&self, sample: &str, value: usize) {
        let seen = async {
            while self.metric(sample).await != value {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, seen).await.expect(sample);
    }

    /// How often its log has a message.
    fn logged(&self, message: &str) -> usize {
        let message = format!("\"message\":\"{message}\"");
        std::fs::read_to_string(&self.log).unwrap().matches(&message).count()
    }

    fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }
}

impl Drop for DataPath {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn connect(port: &Value) -> TcpStream {
    try_connect(port).await.unwrap()
}

async fn try_connect(port: &Value) -> std::io::Result<TcpStream> {
    TcpStream::connect(("127.0.0.1", port.as_u64().unwrap().try_into().unwrap())).await
}

/// Whether a new connection is reset, which it may see before or after it is there.
async fn is_reset(port: &Value) -> bool {
    let seen = match try_connect(port).await {
        Ok(mut stream) => rest(&mut stream).await.map(drop),
        Err(error) => Err(error),
    };
    seen.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

async fn enclave() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn accept(listener: &TcpListener) -> TcpStream {
    timeout(PATIENCE, listener.accept()).await.unwrap().unwrap().0
}

async fn rest(stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().map(|_| bytes)
}

/// One data path with one enclave that serves.
async fn serving(options: &[&str]) -> (DataPath, TcpListener) {
    let (path, enclave) = (DataPath::start(1, options), enclave().await);
    path.lead(0, &enclave, 1).await;
    (path, enclave)
}

#[tokio::test]
async fn bytes_pass_both_ways_and_an_end_is_passed_on_alone() {
    let (path, enclave) = serving(&[]).await;
    let mut client = path.session().await;
    let mut inside = accept(&enclave).await;
    let sent: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
    let received = tokio::spawn(async move { (rest(&mut inside).await.unwrap(), inside) });
    client.write_all(&sent).await.unwrap();
    client.shutdown().await.unwrap();
    let (received, mut inside) = received.await.unwrap();
    assert!(received == sent, "{} bytes of {}", received.len(), sent.len());
    inside.write_all(b"an answer behind the end").await.unwrap();
    drop(inside);
    assert_eq!(rest(&mut client).await.unwrap(), b"an answer behind the end");
    path.sees("cape_host_connections_ended_total{pipe=\"sessions\",outcome=\"closed\"}", 1).await;
    let moved = "cape_host_moved_bytes_total{pipe=\"sessions\",direction=\"to_enclave\"}";
    assert_eq!(path.metric(moved).await, sent.len());
    path.sees("cape_host_connections{pipe=\"sessions\"}", 0).await;
}

#[tokio::test]
async fn a_slow_reader_stops_its_writer_and_costs_one_buffer() {
    let (path, enclave) = serving(&[]).await;
    let (mut client, before) = (path.session().await, path.memory_kib());
    let mut inside = accept(&enclave).await;
    let part = vec![7; 1 << 20];
    let mut written = 0;
    // The writer is stopped when the kernel's buffers are full, and the one here.
    while let Ok(result) = timeout(Duration::from_secs(1), inside.write(&part)).await {
        written += result.unwrap();
        assert!(written < 64 << 20, "nobody reads, and it goes on");
    }
    assert!(path.memory_kib() < before + 1024, "{} KiB after {before} KiB", path.memory_kib());
    let reader = tokio::spawn(async move { rest(&mut client).await.unwrap().len() });
    drop(inside);
    assert_eq!(reader.await.unwrap(), written);
}

#[tokio::test]
async fn a_reset_is_passed_on_as_one() {
    let (path, enclave) = serving(&[]).await;
    for from_client in [true, false] {
        let (mut client, mut inside) = (path.session().await, accept(&enclave).await);
        // One that is reset before it is led on was not reached.
        client.write_all(b"x").await.unwrap();
        inside.read_exact(&mut [0]).await.unwrap();
        let (breaks, mut sees) = if from_client { (client, inside) } else { (inside, client) };
        breaks.set_zero_linger().unwrap();
        drop(breaks);
        assert_eq!(rest(&mut sees).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    path.sees("cape_host_connections_ended_total{pipe=\"sessions\",outcome=\"reset\"}", 2).await;
}

#[tokio::test]
async fn one_connection_too_many_is_refused_and_the_others_go_on() {
    let (path, enclave) = serving(&["--connections", "2"]).await;
    let mut first = path.session().await;
    let mut inside = accept(&enclave).await;
    let second = path.session().await;
    let second_inside = accept(&enclave).await;
    assert!(path.resets().await);
    assert_eq!(path.metric("cape_host_session_slots").await, 2);
    path.sees("cape_host_connections_ended_total{pipe=\"sessions\",outcome=\"refused\"}", 1).await;
    first.write_all(b"on").await.unwrap();
    let mut read = [0; 2];
    inside.read_exact(&mut read).await.unwrap();
    drop((second, second_inside));
    path.sees("cape_host_connections{pipe=\"sessions\"}", 1).await;
    let _fourth = path.session().await;
    accept(&enclave).await;
}

#[tokio::test]
async fn a_silent_connection_ends_and_one_with_bytes_does_not() {
    let (path, enclave) = serving(&["--idle-s", "5"]).await;
    let mut busy = path.session().await;
    let mut inside = accept(&enclave).await;
    let mut silent = path.session().await;
    let _silent_inside = accept(&enclave).await;
    let talk = async {
        loop {
            busy.write_all(b"x").await.unwrap();
            inside.read_exact(&mut [0]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = talk => {}
        ended = rest(&mut silent) => assert!(ended.map_or(true, |bytes| bytes.is_empty())),
    }
    busy.write_all(b"still").await.unwrap();
    path.sees("cape_host_connections_ended_total{pipe=\"sessions\",outcome=\"idle\"}", 1).await;
}

#[tokio::test]
async fn a_host_whose_enclaves_are_gone_says_so_and_a_drained_one_keeps_what_it_has() {
    let (path, enclave) = serving(&[]).await;
    let mut client = path.session().await;
    let mut inside = accept(&enclave).await;
    let address = format!("tcp:{}", enclave.local_addr().unwrap());
    path.tell(&json!({"enclave": 0, "operate": address}));
    path.sees("cape_host_enclaves_serving", 0).await;
    assert!(path.resets().await);
    let mut operator = connect(&path.ready["enclaves"][0]).await;
    operator.write_all(b"?").await.unwrap();
    accept(&enclave).await.read_exact(&mut [0]).await.unwrap();
    client.write_all(b"on").await.unwrap();
    inside.read_exact(&mut [0; 2]).await.unwrap();
    path.tell(&json!({"enclave": 0}));
    path.sees("cape_host_connections_ended_total{pipe=\"sessions\",outcome=\"unreachable\"}", 1).await;
}

/// Whether nobody has closed a connection that was silent so far.
fn is_open(stream: &TcpStream) -> bool {
    stream.try_read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[tokio::test]
async fn idle_connections_of_operators_delay_no_answer() {
    let path = DataPath::start(1, &[]);
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(connect(&path.ready["operate"]).await);
    }
    // Who had to wait for them would be answered when some of them have been closed.
    assert!(path.answer("/healthz").await.starts_with("HTTP/1.1 200 "));
    assert!(idle.iter().all(is_open));
    for _ in 0..80 {
        idle.push(connect(&path.ready["operate"]).await);
    }
    assert!(path.answer("/healthz").await.starts_with("HTTP/1.1 200 "));
    // The oldest make room, and no more of them than it takes.
    assert!(idle.iter().skip(100 - 20).all(is_open));
    assert!(!is_open(&idle[0]));
}

#[tokio::test]
async fn idle_connections_to_an_enclaves_operator_make_room_for_who_asks() {
    let (path, enclave) = serving(&[]).await;
    tokio::spawn(async move {
        while let Ok((mut asked, _)) = enclave.accept().await {
            tokio::spawn(async move {
                asked.read_exact(&mut [0]).await?;
                asked.write_all(b"!").await
            });
        }
    });
    let port = &path.ready["enclaves"][0];
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(connect(port).await);
    }
    let mut asks = connect(port).await;
    asks.write_all(b"?").await.unwrap();
    assert_eq!(rest(&mut asks).await.unwrap(), b"!");
    assert_eq!(rest(&mut idle[0]).await.unwrap(), b"", "the oldest is ended");
    assert!(idle.iter().skip(100 - 15).all(is_open), "and no more than it takes");
    path.sees("cape_host_connections_ended_total{pipe=\"operate\",outcome=\"idle\"}", 85).await;
}

#[tokio::test]
async fn a_request_of_an_operator_that_does_not_come_is_not_waited_for() {
    let path = DataPath::start(1, &[]);
    let mut slow = connect(&path.ready["operate"]).await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    assert!(!rest(&mut slow).await.unwrap_or_default().starts_with(b"HTTP/1.1 200 "));
    let mut large = connect(&path.ready["operate"]).await;
    let head = format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    let _ = large.write_all(head.as_bytes()).await;
    assert!(!rest(&mut large).await.unwrap_or_default().starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn it_ends_with_its_input_and_refuses_what_is_no_line_of_its_agent() {
    let mut path = DataPath::start(2, &[]);
    drop(path.child.stdin.take());
    assert!(path.child.wait().unwrap().success());
    let mut path = DataPath::start(2, &[]);
    path.tell(&json!({"enclave": 2}));
    assert_eq!(path.child.wait().unwrap().code(), Some(78));
}

/// The host's side of a guest: a socket that answers with what it was sent, behind a name.
fn echo(socket: &Path, name: &'static str) {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let said = rest(&mut stream).await.unwrap();
                stream.write_all(&[name.as_bytes(), &said].concat()).await.unwrap();
            });
        }
    });
}

/// What a guest's process is answered on one of the host's ports.
async fn asked(folder: &Path, number: usize, port: u32, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(folder.join(format!("guests/{number}/host_{port}"))).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    rest(&mut stream).await.unwrap()
}

#[tokio::test]
async fn guests_reach_the_hosts_services_and_clients_reach_guests() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("agent")).unwrap();
    echo(&folder.join("agent/0"), "first ");
    echo(&folder.join("agent/1"), "second ");
    echo(&folder.join("blobs"), "blobs ");
    let kms = enclave().await;
    let text = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let endpoint = kms.local_addr().unwrap().to_string();
    let guests = format!("folder:{}", text("guests"));
    let options = ["--guests", &guests, "--blobs", &text("blobs"), "--supervision", &text("agent")];
    let path = DataPath::start(2, &[&options[..], &["--kms", &endpoint]].concat());

    assert_eq!(asked(folder, 0, 7011, b"a").await, b"first a");
    assert_eq!(asked(folder, 1, 7011, b"b").await, b"second b");
    assert_eq!(asked(folder, 1, 7010, b"c").await, b"blobs c");
    assert_eq!(asked(folder, 0, 9000, &[0xb7]).await, [0xb7]);
    assert!(asked(folder, 0, 9000, b"?").await.is_empty(), "no heartbeat");
    let question = asked(folder, 0, 7012, b"tls");
    let answer = async {
        let mut kms = accept(&kms).await;
        assert_eq!(rest(&mut kms).await.unwrap(), b"tls");
        kms.write_all(b"done").await.unwrap();
    };
    assert_eq!(tokio::join!(question, answer).0, b"done");

    let guest = UnixListener::bind(folder.join("guests/1/guest")).unwrap();
    path.tell(&json!({"enclave": 1, "sessions": format!("guest:{}:7000", text("guests/1"))}));
    path.sees("cape_host_enclaves_serving", 1).await;
    let mut client = path.session().await;
    client.write_all(b"hello").await.unwrap();
    let (mut guest, _) = guest.accept().await.unwrap();
    let mut asked = [0; 13];
    guest.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"CONNECT 7000\n");
    guest.write_all(b"OK 7000\nwelcome").await.unwrap();
    let mut hello = [0; 5];
    guest.read_exact(&mut hello).await.unwrap();
    drop(guest);
    assert_eq!(rest(&mut client).await.unwrap(), b"welcome");
}

/// Makes connections that are not led on, until so many have ended since the start.
async fn knock(path: &DataPath, port: &Value, pipe: &str, all: usize) {
    for _ in 0..5 {
        assert!(is_reset(port).await);
    }
    let unreachable = format!("cape_host_connections_ended_total{{pipe=\"{pipe}\",outcome=\"unreachable\"}}");
    path.sees(&unreachable, all).await;
}

#[tokio::test]
async fn an_end_that_is_away_is_told_once_until_it_is_back_and_clients_write_no_line() {
    let (path, enclave) = (DataPath::start(1, &[]), enclave().await);
    let (sessions, operate) = (&path.ready["sessions"], &path.ready["enclaves"][0]);
    for times in [1, 2] {
        knock(&path, sessions, "sessions", 5 * times).await;
        knock(&path, operate, "operate", 5 * times).await;
        assert_eq!(path.logged("the other end is not reached"), times);
        path.lead(0, &enclave, 1).await;
        for port in [sessions, operate] {
            connect(port).await.write_all(b"?").await.unwrap();
            accept(&enclave).await.read_exact(&mut [0]).await.unwrap();
        }
        assert_eq!(path.logged("the other end is reached again"), times);
        path.tell(&json!({"enclave": 0}));
        path.sees("cape_host_enclaves_serving", 0).await;
    }
}

#[test]
fn an_option_that_is_wrong_is_named() {
    for (option, value, says) in [
        ("--enclaves", "0", "0 is not one of 1 to 64"),
        ("--enclaves", "many", "many is not one of 1 to 64"),
        ("--connections", "0", "0 is not one of 1 to 1000000"),
        ("--idle-s", "604801", "604801 is not one of 1 to 604800"),
        ("--sessions", "localhost", "localhost is not ADDRESS:PORT"),
        ("--guests", "vsock:3", "3 is not the CID of an enclave, which is above 3"),
        ("--kms", "kms", "kms is not HOST:PORT"),
    ] {
        let told = Command::new(env!("CARGO_BIN_EXE_cape-host")).args([option, value]).output().unwrap();
        assert_eq!(told.status.code(), Some(2));
        let error = String::from_utf8(told.stderr).unwrap();
        assert_eq!(error, format!("cape-host: error: {option}: {says}\n"));
    }
}

#[test]
fn enclaves_without_a_port_for_each_are_refused() {
    let told = Command::new(env!("CARGO_BIN_EXE_cape-host"))
        .args(["--enclaves", "2", "--sessions", "127.0.0.1:0", "--operate", "127.0.0.1:0"])
        .args(["--enclave-operate", "127.0.0.1:65535"])
        .output()
        .unwrap();
    assert_eq!(told.status.code(), Some(78));
    let error = String::from_utf8(told.stderr).unwrap();
    assert!(error.contains("--enclave-operate 127.0.0.1:65535 leaves no port for enclave 1"), "{error}");
}
