//! What the operator can ask, and that nothing of a caller or an author is in any answer.

mod support;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use cape_core::ErrorCode;
use cape_core::encoding::hex;
use cape_core::identity::Account;
use cape_core::session::{Open, Request};
use serde_json::Value;
use support::{Client, Function, Platform, Runtime, Settings, account, run_request, upgrade};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const SOURCE: &str = "import sys\ndef cape_handler(data):\n    print('Sesam printed')\n    \
    sys.stderr.write('Sesam erred')\n    if data == b'Sesam fail': raise ValueError('Sesam raised')\n    \
    if data == b'Sesam wait':\n        yield b'begun'\n        import time; time.sleep(60)\n    yield b'Sesam gave'\n";

/// Waits until a metric has a value, be it from above or from below: what ends a call or a connection and
/// what counts it is not the same moment.
async fn reaches(runtime: &Runtime<'_>, sample: &str, value: f64) {
    let reached = async {
        while runtime.metric(sample).await != value {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), reached).await.expect(sample);
}

async fn deployed(runtime: &Runtime<'_>, account: &Account) -> (Client, Function) {
    let settings = Settings { env: vec![("SESAM_NAME", "Sesam value")], ..Settings::default() };
    let function = Function::with(runtime.platform, account, &[("app.py", SOURCE.as_bytes())], settings);
    let mut client = runtime.connect().await;
    client.deploy(account, &function).await.unwrap();
    (client, function)
}

/// One call of each kind that there is an outcome for without ado.
async fn calls_of_all_kinds(runtime: &Runtime<'_>, account: &Account) -> Function {
    let (mut client, function) = deployed(runtime, account).await;
    let token = function.token(account);
    let checksum = function.checksum();
    client.run(checksum, &token, b"Sesam in").await.unwrap();
    client.run(checksum, &token, b"Sesam in").await.unwrap();
    client.run_own(account, checksum, b"Sesam fail").await.unwrap_err();
    client.run(checksum, "Sesam.no.token", b"Sesam in").await.unwrap_err();
    client.call(Open::new(Request::Deploy { manifest: "Sesam manifest".into() }), b"").await.unwrap_err();
    client.describe().await;
    let mut open = run_request(checksum);
    open.token = Some(token);
    let call = client.start(open, b"Sesam wait").await;
    client.begun(call).await;
    client.cancel(call).await;
    let (_, cancelled) = client.next_end().await.unwrap();
    assert_eq!(cancelled.unwrap_err().name, "Cancelled");
    function
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_by_operation_and_outcome() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    calls_of_all_kinds(&runtime, &account()).await;
    let calls = |operation, outcome| {
        format!("cape_enclave_calls_total{{operation=\"{operation}\",outcome=\"{outcome}\"}}")
    };
    for (operation, outcome, count) in [
        ("run", "ok", 2.0),
        ("run", "FunctionError", 1.0),
        ("run", "TokenInvalid", 1.0),
        ("run", "Cancelled", 1.0),
        ("deploy", "ok", 1.0),
        ("deploy", "ProtocolError", 1.0),
        ("describe", "ok", 1.0),
    ] {
        reaches(&runtime, &calls(operation, outcome), count).await;
    }
    assert_eq!(runtime.metric("cape_enclave_runs_total{worker=\"cold\"}").await, 1.0);
    assert_eq!(runtime.metric("cape_enclave_runs_total{worker=\"warm\"}").await, 1.0);
    assert_eq!(runtime.metric("cape_enclave_call_duration_seconds_count{operation=\"run\"}").await, 5.0);
    assert_eq!(runtime.metric("cape_enclave_functions").await, 1.0);
    assert!(runtime.metric("cape_enclave_functions_bytes").await > 0.0);
    assert!(runtime.metric("cape_enclave_received_bytes_total").await > 1000.0);
    assert!(runtime.metric("cape_enclave_sent_bytes_total").await > 1000.0);
    assert!(runtime.metric("cape_enclave_storage_size_bytes").await > 0.0);
    reaches(&runtime, "cape_enclave_calls_running", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_and_connections_are_counted() {
    let platform = Platform::with_limits("connections = 2").await;
    let runtime = platform.start();
    let handshakes = |outcome| format!("cape_enclave_handshakes_total{{outcome=\"{outcome}\"}}");
    let attestations = "cape_enclave_attestations_total{outcome=\"ok\"}";
    let before = runtime.metric(attestations).await;

    let first = runtime.connect().await;
    upgrade(runtime.port, "nonce=x").await.unwrap_err();
    reaches(&runtime, &handshakes("malformed"), 1.0).await;
    reaches(&runtime, "cape_enclave_connections", 1.0).await;
    drop(TcpStream::connect(("127.0.0.1", runtime.port)).await.unwrap());
    reaches(&runtime, &handshakes("broken"), 1.0).await;

    let mut second = runtime.connect().await;
    second.describe().await;
    let rng = &mut rand_core::UnwrapErr(getrandom::SysRng);
    let offer = cape_core::session::Offer::new(&cape_core::session::Suite::ALL).unwrap();
    let query = cape_core::session::ClientHandshake::new(offer, rng).query();
    drop(first);
    reaches(&runtime, "cape_enclave_connections", 1.0).await;
    let mut violating = upgrade(runtime.port, &query).await.unwrap();
    futures_util::StreamExt::next(&mut violating).await.unwrap().unwrap();
    upgrade(runtime.port, &query).await.unwrap_err();
    reaches(&runtime, &handshakes("full"), 1.0).await;
    let nonsense = tokio_tungstenite::tungstenite::Message::Binary(vec![0; 100].into());
    futures_util::SinkExt::send(&mut violating, nonsense).await.unwrap();
    reaches(&runtime, &handshakes("violation"), 1.0).await;
    assert!(runtime.metric(&handshakes("accepted")).await >= 1.0);
    assert!(runtime.metric(attestations).await >= before + 2.0);
    assert!(runtime.metric("cape_enclave_attestation_duration_seconds_count").await >= 2.0);
}

/// The label values that there are: everything else would be somebody's word.
fn closed_sets() -> BTreeSet<String> {
    let words = "accepted broken cold deploy describe development failed full key loaded malformed no_document ok \
        run spare stopping too_many violation warm 0.001 0.003 0.01 0.03 0.1 0.3 1.0 3.0 10.0 100.0 1000.0 +Inf";
    let classes = ErrorCode::ALL.iter().map(|class| class.name());
    let version = env!("CARGO_PKG_VERSION");
    words.split_whitespace().chain(classes).chain([version]).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_caller_or_an_author_is_in_what_the_operator_sees() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let function = calls_of_all_kinds(&runtime, &account).await;
    reaches(&runtime, "cape_enclave_calls_total{operation=\"run\",outcome=\"Cancelled\"}", 1.0).await;

    let (_, metrics) = runtime.ask("/metrics").await;
    let (_, readiness) = runtime.ask("/readyz").await;
    let checksum = function.checksum();
    let token = function.token(&account);
    let secrets = [
        "sesam".to_owned(),
        account.id().to_string(),
        checksum.to_string(),
        function.manifest.function_id().to_string(),
        function.manifest.bundle_sha256.clone(),
        token.split('.').next_back().unwrap().to_owned(),
        "app:cape_handler".to_owned(),
        hex::encode(b"Sesam"),
    ];
    for (what, text) in [("metrics", &metrics), ("readiness", &readiness), ("log", &runtime.log())] {
        let text = text.to_lowercase();
        for secret in &secrets {
            assert!(!text.contains(&secret.to_lowercase()), "{secret} in the {what}:\n{text}");
        }
    }

    let known = closed_sets();
    let samples = metrics.lines().filter(|line| !line.starts_with('#'));
    let mut labels = 0;
    for label in
        samples.filter_map(|sample| sample.split_once('{')?.1.split_once('}')).flat_map(|it| it.0.split(','))
    {
        let value = label.split_once('=').unwrap().1.trim_matches('"');
        assert!(known.contains(value), "{label}");
        labels += 1;
    }
    assert!(labels > 50, "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_failed_is_in_the_log_by_a_number_that_its_caller_has_and_nothing_else_of_it() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let (mut client, function) = deployed(&runtime, &account).await;
    let mut request_ids = BTreeSet::new();
    for _ in 0..2 {
        let failed = client.run_own(&account, function.checksum(), b"Sesam fail").await.unwrap_err();
        request_ids.insert(failed.error().details["request_id"].clone());
    }
    assert_eq!(request_ids.len(), 2);
    let log = runtime.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for request_id in &request_ids {
        let line = lines.iter().find(|line| line["fields"]["request_id"] == request_id.as_str()).unwrap();
        let fields: BTreeSet<_> = line["fields"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(["duration_ms", "message", "operation", "outcome", "request_id"]));
        assert_eq!(line["fields"]["outcome"], "FunctionError");
        assert_eq!(line["fields"]["duration_ms"].as_u64().unwrap() % 10, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_the_part_that_does_not_answer() {
    let platform = Platform::with_limits("workers = 1\nqueue = 0").await;
    let runtime = platform.start();
    assert_eq!(runtime.ask("/healthz").await.0, "HTTP/1.1 200 OK");
    let ready = |(status, body): (String, String)| (status, serde_json::from_str::<Value>(&body).unwrap());
    let (status, report) = ready(runtime.ask("/readyz").await);
    assert_eq!(status, "HTTP/1.1 200 OK", "{report}");
    let parts = ["blobs", "clock", "security_module", "serving", "workers"];
    let fine: serde_json::Map<String, Value> =
        parts.into_iter().map(|part| (part.to_owned(), "ok".into())).collect();
    assert_eq!(report, serde_json::json!({"status": "ok", "checks": fine}));

    let account = account();
    let (mut client, function) = deployed(&runtime, &account).await;
    let mut another = runtime.connect().await;
    std::fs::remove_file(platform.path().join("blobs")).unwrap();
    let not_ready = async {
        loop {
            // One of them has the only worker, and the other is refused.
            for client in [&mut client, &mut another] {
                let _ = client.run_own(&account, function.checksum(), b"").await;
            }
            let (status, report) = ready(runtime.ask("/readyz").await);
            if status.contains("503")
                && report["checks"]["blobs"] != "ok"
                && report["checks"]["workers"] != "ok"
            {
                return report;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let report = timeout(Duration::from_secs(60), not_ready).await.unwrap();
    assert_eq!(report["status"], "not ready");
    assert!(report["checks"]["blobs"].as_str().unwrap().starts_with("the host's store failed"), "{report}");
    assert!(report["checks"]["workers"].as_str().unwrap().contains("as many functions run"), "{report}");
    assert_eq!(report["checks"]["security_module"], "ok");
    assert_eq!(runtime.ask("/healthz").await.0, "HTTP/1.1 200 OK", "the process lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_is_bounded() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let long = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert!(!runtime.tell(long.as_bytes()).await.starts_with("HTTP/1.1 200"));
    let many = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(100));
    assert!(!runtime.tell(many.as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert!(
        runtime
            .tell(b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            .await
            .contains("405")
    );
    assert!(runtime.ask("/v2/session").await.0.contains("404"));
    assert!(!runtime.tell(b"Sesam\r\n\r\n").await.starts_with("HTTP/1.1 200"));

    // As many slow ones as there may be, and one more: it is answered once their time is over.
    let port: u16 = runtime.ready["operate"].as_u64().unwrap().try_into().unwrap();
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    let answered = timeout(Duration::from_secs(60), runtime.ask("/healthz")).await.unwrap();
    assert_eq!(answered.0, "HTTP/1.1 200 OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_input_goes_on_until_sigterm() {
    let platform = Platform::new().await;
    let mut runtime = platform.start_without_input();
    // Its end would have come before the end of this: an input that has ended is seen at once.
    runtime.connect().await.describe().await;
    assert_eq!(runtime.ask("/healthz").await.0, "HTTP/1.1 200 OK");
    assert!(runtime.child.try_wait().unwrap().is_none());
    let pid = runtime.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(runtime.child.wait().unwrap().success());
}
