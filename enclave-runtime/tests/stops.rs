//! A call that is over has no process that goes on, however it came to its end.

mod support;

use cape_core::session::CallId;
use support::{Client, Function, Platform, Runtime, Settings, account, eventually};

/// Two processes that run for ever under a name that is seen from outside (prctl(2), `PR_SET_NAME`), in
/// the middle of a stream each way.
const BUSY: &str = "import ctypes, os
def cape_handler(context):
    ctypes.CDLL(None).prctl(15, b'busy-function')
    os.fork()
    yield b'begun'
    while True:
        pass
";

/// More output than is allowed, in a process of that name.
const TALKATIVE: &str = "import ctypes
def cape_handler(context):
    ctypes.CDLL(None).prctl(15, b'busy-function')
    context.input.read(17)
    yield b'begun'
    context.input.read(1)
    while True:
        yield bytes(100_000)
";

/// Starts a call that does not end by itself, nor by its function's time, and waits until it runs.
async fn begin(runtime: &Runtime<'_>, source: &str) -> (Client, CallId) {
    begin_within(runtime, source, 3600, None).await
}

async fn begin_within(
    runtime: &Runtime<'_>,
    source: &str,
    timeout_s: u32,
    deadline_ms: Option<u64>,
) -> (Client, CallId) {
    let account = account();
    let settings = Settings { timeout_s, ..Settings::default() };
    let function = Function::with(runtime.platform, &account, &[("app.py", source.as_bytes())], settings);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let mut open = client.own_run_request(&account, function.checksum());
    open.call_nonce = Some([0x4e; 32]);
    open.options.deadline_ms = deadline_ms;
    let call = client.open_only(&open).await;
    let message = client.session.data(call, b"some of the input").unwrap();
    client.send(message).await;
    client.begun(call).await;
    assert!(busy(runtime) > 0);
    (client, call)
}

/// Processes of the runtime that have that name.
fn busy(runtime: &Runtime<'_>) -> usize {
    let names = runtime.descendants().into_iter();
    let names = names.filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    names.filter(|name| name.trim() == "busy-function").count()
}

async fn ends(runtime: &Runtime<'_>) {
    eventually(async || (busy(runtime) == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_cancelled() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let (mut client, call) = begin(&runtime, BUSY).await;
    client.cancel(call).await;
    let error = client.next_end().await.unwrap().1.unwrap_err();
    assert_eq!(error.name, "Cancelled");
    assert!(error.receipt.is_some() && error.input_taken.is_some(), "the handler had begun");
    ends(&runtime).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_client_is_gone() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    drop(begin(&runtime, BUSY).await);
    ends(&runtime).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_client_breaks_the_protocol() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let (mut client, _) = begin(&runtime, BUSY).await;
    client.send(vec![0; 100]).await;
    while client.receive().await.is_some() {}
    ends(&runtime).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_time_is_over_the_callers_or_the_functions() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    // It is time enough to begin.
    for (timeout_s, deadline_ms, seconds) in [(3600, Some(6000), "6"), (5, None, "5")] {
        let (mut client, _) = begin_within(&runtime, BUSY, timeout_s, deadline_ms).await;
        let error = client.next_end().await.unwrap().1.unwrap_err();
        assert_eq!((error.name.as_str(), error.details["timeout_s"].as_str()), ("FunctionTimeout", seconds));
        assert!(error.receipt.is_some());
        ends(&runtime).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_gives_too_much() {
    let platform = Platform::with_limits("output_bytes = 300000").await;
    let runtime = platform.start();
    let (mut client, call) = begin(&runtime, TALKATIVE).await;
    let message = client.session.data(call, b"more").unwrap();
    client.send(message).await;
    let error = client.next_end().await.unwrap().1.unwrap_err();
    assert_eq!((error.name.as_str(), error.details["limit"].as_str()), ("TooLarge", "300000"));
    ends(&runtime).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_input_does_not_go_on() {
    let platform = Platform::with_limits("idle_timeout_s = 5").await;
    let runtime = platform.start();
    let (mut client, _) = begin(&runtime, BUSY).await;
    let error = client.next_end().await.unwrap().1.unwrap_err();
    assert_eq!(error.name, "TimeoutExpired");
    assert!(error.receipt.is_some(), "the handler had begun");
    ends(&runtime).await;
}
