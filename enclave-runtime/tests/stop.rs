//! How the runtime ends when it is asked to: in order, and told to whoever is there.

mod support;

use std::io::Write;
use std::process::Command;

use cape_core::session::{CallId, ClientHandshake, Offer, Open, Request, Suite};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use support::{Client, Function, Platform, Runtime, account, eventually, upgrade};
use tokio_tungstenite::tungstenite::Error;

/// Says that it has begun, and goes on until its input ends.
const WAITS: &str = "
def cape_handler(context):
    yield b'begun'
    context.input.read()
    yield b'done'
";

#[tokio::test(flavor = "multi_thread")]
async fn calls_under_way_end_well_and_nothing_new_begins() {
    let platform = Platform::with_limits("stop_grace_s = 3600").await;
    let mut runtime = platform.start();
    let (mut client, call) = call_of(&platform, &runtime).await;
    let workers = runtime.descendants();
    terminate(&runtime);
    let answer = refused(&runtime).await;
    assert!(answer.contains("Overloaded") && answer.contains("being stopped"), "{answer}");

    // Its client has not read yet that there shall be no new calls.
    let late = client.start(Open::new(Request::Describe), b"").await;
    let (ended, result) = client.next_end().await.unwrap();
    assert_eq!(ended, late);
    assert_eq!(result.unwrap_err().name, "Overloaded");

    let end = client.session.end(call).unwrap();
    client.send(end).await;
    let (ended, result) = client.next_end().await.unwrap();
    assert_eq!(ended, call);
    assert_eq!(result.unwrap().output, b"done");
    assert!(client.next_end().await.is_err(), "the enclave closes the connection behind its last call");
    ends(&mut runtime).await;
    support::gone(&workers).await;
    assert_eq!(support::storage_folders(&platform), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_longer_than_the_grace_is_told_so() {
    let platform = Platform::with_limits("stop_grace_s = 1").await;
    let mut runtime = platform.start();
    let (mut client, call) = call_of(&platform, &runtime).await;
    let workers = runtime.descendants();
    terminate(&runtime);
    let (ended, result) = client.next_end().await.unwrap();
    assert_eq!(ended, call);
    let error = result.unwrap_err();
    assert_eq!(error.name, "ServiceError");
    assert!(error.message.contains("stopped before the call was over"), "{}", error.message);
    assert_eq!(error.details["ran"], "perhaps");
    assert!(error.receipt.is_some(), "its handler had begun");
    ends(&mut runtime).await;
    support::gone(&workers).await;
    assert_eq!(support::storage_folders(&platform), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_does_not_end_in_time_leaves_nothing() {
    let platform = Platform::with_limits("stop_grace_s = 0").await;
    let mut runtime = platform.start();
    let account = account();
    let function = Function::new(&platform, &account, "def cape_handler(data):\n    return data\n");
    let mut client = runtime.connect().await;
    client.open_only(&client.deploy_request(&account, &function)).await;
    under_way(&mut client).await;
    terminate(&runtime);
    let (_, result) = client.next_end().await.unwrap();
    assert_eq!(result.unwrap_err().name, "ServiceError");
    ends(&mut runtime).await;
    assert!(platform.blobs.names().is_empty());
    assert_eq!(support::storage_folders(&platform), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_calls_are_not_waited_for() {
    let platform = Platform::with_limits("stop_grace_s = 3600").await;
    let mut runtime = platform.start();
    let mut client = runtime.connect().await;
    client.describe().await;
    terminate(&runtime);
    assert!(client.next_end().await.is_err(), "CLOSE, and the socket's end");
    ends(&mut runtime).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_crosses_the_close_of_an_idle_connection_is_answered() {
    let platform = Platform::with_limits("stop_grace_s = 3600").await;
    let mut runtime = platform.start();
    let mut client = runtime.connect().await;
    client.describe().await;
    terminate(&runtime);
    refused(&runtime).await;
    // CLOSE is on its way, and its client has not read it.
    let late = client.start(Open::new(Request::Describe), b"").await;
    let (ended, result) = client.next_end().await.expect("an answer before the socket closes");
    assert_eq!(ended, late);
    assert_eq!(result.unwrap_err().name, "Overloaded");
    assert!(client.next_end().await.is_err());
    ends(&mut runtime).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_standard_input_is_such_a_request() {
    let platform = Platform::with_limits("stop_grace_s = 3600").await;
    let mut runtime = platform.start();
    let (mut client, call) = call_of(&platform, &runtime).await;
    drop(runtime.child.stdin.take());
    refused(&runtime).await;
    let end = client.session.end(call).unwrap();
    client.send(end).await;
    assert_eq!(client.next_end().await.unwrap().1.unwrap().output, b"done");
    ends(&mut runtime).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_ends_it_at_once() {
    let platform = Platform::with_limits("stop_grace_s = 3600").await;
    let mut runtime = platform.start();
    let (mut client, _call) = call_of(&platform, &runtime).await;
    let workers = runtime.descendants();
    terminate(&runtime);
    refused(&runtime).await;
    terminate(&runtime);
    assert!(client.next_end().await.is_err());
    ends(&mut runtime).await;
    support::gone(&workers).await;
    assert_eq!(support::storage_folders(&platform), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_standard_input_asks_for_the_end_as_its_own_end_does() {
    let platform = Platform::new().await;
    let mut runtime = platform.start();
    let mut input = runtime.child.stdin.take().unwrap();
    input.write_all(b"what it means is not known\n{\"stop\": true}\n").unwrap();
    ends(&mut runtime).await;
    assert!(runtime.log().contains("\"stopping\""), "{}", runtime.log());
}

/// A call that has begun, and ends when its client has ended its input.
async fn call_of(platform: &Platform, runtime: &Runtime<'_>) -> (Client, CallId) {
    let account = account();
    let settings = support::Settings { timeout_s: 3600, ..Default::default() };
    let function = Function::with(platform, &account, &[("app.py", WAITS.as_bytes())], settings);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let mut open = client.own_run_request(&account, function.checksum());
    open.call_nonce = Some([0x4e; 32]);
    let call = client.open_only(&open).await;
    let message = client.session.data(call, b"the beginning").unwrap();
    client.send(message).await;
    client.begun(call).await;
    (client, call)
}

/// Waits until the runtime counts a call beside the one that asks.
async fn under_way(client: &mut Client) {
    eventually(async || (client.describe().await.state.calls == Some(2)).then_some(())).await;
}

fn terminate(runtime: &Runtime<'_>) {
    let pid = runtime.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
}

/// What a new client is told, once the runtime has begun to end.
async fn refused(runtime: &Runtime<'_>) -> String {
    eventually(async || {
        let offer = Offer::new(&[Suite::X25519Aes256Gcm]).unwrap();
        let query = ClientHandshake::new(offer, &mut UnwrapErr(SysRng)).query();
        match upgrade(runtime.port, &query).await {
            Err(Error::Http(response)) => {
                assert_eq!(response.status(), 503);
                assert_eq!(response.headers()["retry-after"], "1");
                Some(String::from_utf8(response.into_body().unwrap_or_default()).unwrap())
            }
            other => {
                drop(other.unwrap());
                None
            }
        }
    })
    .await
}

async fn ends(runtime: &mut Runtime<'_>) {
    let status = eventually(async || runtime.child.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");
}
