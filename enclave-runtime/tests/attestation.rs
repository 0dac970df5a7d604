//! Documents by the security module: many sessions that share one, and clocks that differ.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use cape_core::attest::ChainCache;
use cape_core::session::Suite;
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use support::{Client, Function, Greeted, Platform, Runtime, account, now, upgrade};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

const QUERY: &str = "nonce=2ZEUkT5OsG9HaOUpht99MS5f0ufDnnjQ9BQRSLJ6G4k&suites=2";

const ECHO: &str = "def cape_handler(data):\n    return data\n";

/// The documents that a runtime asked its security module for, by its last line.
fn documents(log: &str) -> u64 {
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(last["fields"]["message"], "ended");
    last["fields"]["documents"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_connections_at_once_share_documents() {
    let platform = Platform::new().await;
    let runtime = platform.start_with(&["--nsm-delay-ms", "5"]);
    let suites = [Suite::X25519Aes256Gcm];
    let greeted = join_all((0..500).map(|_| Greeted::begin(runtime.port, &suites))).await;
    // One after the other, within the time of a handshake: chains are known, as to a client of many connections, and
    // who is through with it goes on, which shows that each has the enclave's keys, too.
    let known = ChainCache::default();
    let clients = greeted.into_iter().map(async |each| {
        let attested = each.try_attested(&platform.roots, &platform.policy, Some(&known), now());
        let mut client = attested.await.unwrap();
        client.describe().await;
        client
    });
    let clients = join_all(clients).await;
    let leaves: BTreeSet<_> = clients.iter().map(|client| *client.session.leaf()).collect();
    assert_eq!(leaves.len(), 500);
    drop(clients);
    let documents = documents(&runtime.end());
    assert!((2..=250).contains(&documents), "{documents} documents for 500 sessions");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_one_after_the_other_have_a_document_each() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    for _ in 0..5 {
        runtime.connect().await.describe().await;
    }
    let log = runtime.end();
    assert_eq!(documents(&log), 6, "with the one at the start");
    assert!(!log.contains("as asked for"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_does_not_answer_is_not_waited_for() {
    let platform = Platform::with_limits("handshake_timeout_s = 3").await;
    let runtime = platform.start_with(&["--nsm-delay-ms", "5000"]);
    let mut refused = upgrade(runtime.port, QUERY).await.unwrap();
    let Some(Ok(Message::Text(reason))) = refused.next().await else { panic!("no reason") };
    let reason: Value = serde_json::from_str(&reason).unwrap();
    assert_eq!(reason["code"], "ServiceError");
    let message = "no attestation document: the security module did not answer in time";
    assert_eq!(reason["message"], message);
    assert_eq!(close_code(refused.next().await), CloseCode::Policy);

    let mut early = upgrade(runtime.port, QUERY).await.unwrap();
    early.send(Message::Binary(vec![7; 5000].into())).await.unwrap();
    assert_eq!(close_code(early.next().await), CloseCode::Protocol);
}

fn close_code(next: Option<Result<Message, Error>>) -> CloseCode {
    match next {
        Some(Ok(Message::Close(Some(frame)))) => frame.code,
        other => panic!("{other:?}"),
    }
}

async fn connect_to_one_ahead(runtime: &Runtime<'_>, seconds: i64) -> Client {
    let ahead = Duration::from_secs(seconds.unsigned_abs());
    let now = if seconds < 0 { now().minus(ahead) } else { now().plus(ahead) };
    let greeted = Greeted::begin(runtime.port, &Suite::ALL).await;
    greeted.attested(&runtime.platform.roots, &runtime.platform.policy, now).await
}

/// What a client of an enclave sees whose security module's clock is so far ahead: the difference of
/// its clocks, as `describe` tells it in whole seconds, and what a run comes to.
async fn at_one_ahead(seconds: i64) -> (i64, Result<Vec<u8>, String>, String) {
    let platform = Platform::new().await;
    let runtime = platform.start_with(&["--nsm-ahead-s", &seconds.to_string()]);
    let mut client = connect_to_one_ahead(&runtime, seconds).await;
    let state = client.describe().await.state;
    let millis = |millis: Option<u64>| i64::try_from(millis.unwrap()).unwrap();
    let ahead = millis(state.module_clock_ms) - millis(state.clock_ms);
    let account = account();
    let function = Function::new(&platform, &account, ECHO);
    client.deploy(&account, &function).await.unwrap();
    let ran = client.run_own(&account, function.checksum(), b"hello").await;
    let ran = ran.map(|answer| answer.output).map_err(|failed| {
        assert_eq!(failed.name(), "ServiceError");
        failed.error().message.clone()
    });
    let whole = (ahead as f64 / 1000.0).round() as i64;
    (whole, ran, runtime.end())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enclave_whose_clock_its_host_has_set_wrong_judges_nothing() {
    for (ahead, side) in [(90, "90 s behind"), (-90, "90 s ahead of")] {
        let (told, ran, log) = at_one_ahead(ahead).await;
        assert_eq!(told, ahead);
        let refusal = ran.unwrap_err();
        assert!(refusal.contains(side), "{refusal}");
        assert!(log.contains("that nothing is judged by it"), "{log}");
        assert!(log.contains("as asked for"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_differs_by_seconds_is_told_of_and_goes_on() {
    let (told, ran, log) = at_one_ahead(10).await;
    assert_eq!((told, ran), (10, Ok(b"hello".to_vec())));
    assert!(log.contains("the clock differs from the security module's"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_out_of_bounds_is_refused() {
    let platform = Platform::new().await;
    let arguments = platform.serve_arguments();
    for (option, value) in [("--nsm-delay-ms", "10001"), ("--nsm-delay-ms", "-1"), ("--nsm-ahead-s", "soon")]
    {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).chain([option, value]).collect();
        let output = platform.run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{option} {value}");
        assert!(String::from_utf8(output.stderr).unwrap().contains(option));
    }
}
