//! Who gets a worker when there are as many as may be: nobody waits for one that idles, and no
//! account takes all.

mod support;

use cape_core::identity::{Account, Checksum, Isolation};
use futures_util::future::join_all;
use support::{Client, Function, Platform, Runtime, Settings, account};

/// Waits for as many seconds as it is told, and tells how often it was called.
const WAITING: &str = "import time\ncalls = 0\ndef cape_handler(data):\n    global calls\n    calls += 1\n    \
    time.sleep(float(data or 0))\n    return str(calls)\n";

async fn deployed(
    platform: &Platform,
    runtime: &Runtime<'_>,
    account: &Account,
    isolation: Isolation,
) -> Checksum {
    let settings = Settings { isolation, ..Settings::default() };
    let function = Function::with(platform, account, &[("app.py", WAITING.as_bytes())], settings);
    runtime.connect().await.deploy(account, &function).await.unwrap();
    function.checksum()
}

async fn connected(runtime: &Runtime<'_>, count: usize) -> Vec<Client> {
    join_all((0..count).map(|_| runtime.connect())).await
}

/// Calls the function once over each connection, one after the other.
async fn call_each(clients: &mut [Client], account: &Account, function: Checksum) {
    for client in clients {
        client.run_own(account, function, b"").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_given_back_goes_to_a_call_that_waits() {
    let platform = Platform::with_limits("workers = 2\nqueue_timeout_s = 60").await;
    let runtime = platform.start();
    let account = account();
    let function = deployed(&platform, &runtime, &account, Isolation::Function).await;
    let mut clients = connected(&runtime, 12).await;
    let calls = clients.iter_mut().map(|client| client.run_own(&account, function, b"0.1"));
    let answers: Vec<_> = join_all(calls).await.into_iter().map(|answer| answer.unwrap()).collect();
    assert!(answers.iter().any(|answer| answer.output != b"1"), "some of them had the same worker");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_wait_for_other_functions_are_not_kept_waiting_by_workers_that_idle() {
    let platform = Platform::with_limits("workers = 2\nqueue_timeout_s = 60").await;
    let runtime = platform.start();
    let (one, other) = (account(), account());
    let shared = deployed(&platform, &runtime, &one, Isolation::Function).await;
    let session = deployed(&platform, &runtime, &other, Isolation::Session).await;
    let mut clients = connected(&runtime, 8).await;
    let calls = clients.iter_mut().enumerate().map(async |(number, client)| match number % 2 {
        0 => client.run_own(&one, shared, b"0.1").await,
        _ => client.run_own(&other, session, b"0.1").await,
    });
    for answer in join_all(calls).await {
        answer.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_gives_way_and_goes_on_with_a_new_worker() {
    // None is loaded in advance, which would be warm.
    let platform = Platform::with_limits("workers = 1\nqueue_timeout_s = 60\nwarm_memory_mib = 0").await;
    let runtime = platform.start();
    let account = account();
    let function = deployed(&platform, &runtime, &account, Isolation::Session).await;
    let mut clients = connected(&runtime, 2).await;
    for (client, calls, cold) in [(0, "1", true), (0, "2", false), (1, "1", true), (0, "1", true)] {
        let client = &mut clients[client];
        let answer = client.run_own(&account, function, b"").await.unwrap();
        assert_eq!(answer.output, calls.as_bytes());
        assert_eq!(answer.end.usage.cold, Some(cold));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_idles_in_all_workers_keeps_nobody_from_them() {
    let platform =
        Platform::with_limits("workers = 4\naccount_share_percent = 100\nqueue_timeout_s = 60").await;
    let runtime = platform.start();
    let (hoarder, other) = (account(), account());
    let idle = deployed(&platform, &runtime, &hoarder, Isolation::Session).await;
    let wanted = deployed(&platform, &runtime, &other, Isolation::Session).await;
    let mut held = connected(&runtime, 4).await;
    call_each(&mut held, &hoarder, idle).await;
    let mut clients = connected(&runtime, 4).await;
    call_each(&mut clients, &other, wanted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_calls_run_leaves_others_their_part() {
    let platform =
        Platform::with_limits("workers = 4\nqueue = 4\nqueue_timeout_s = 1\naccount_share_percent = 75")
            .await;
    let runtime = platform.start();
    let (busy, other) = (account(), account());
    let long = deployed(&platform, &runtime, &busy, Isolation::Session).await;
    let short = deployed(&platform, &runtime, &other, Isolation::Session).await;
    let mut clients = connected(&runtime, 9).await;
    let (held, asking) = clients.split_at_mut(8);
    let mut hold = Box::pin(join_all(held.iter_mut().map(|client| client.run_own(&busy, long, b"8"))));
    let meanwhile = async {
        for _ in 0..4 {
            asking[0].run_own(&other, short, b"0.5").await.unwrap();
        }
    };
    let held = tokio::join!(&mut hold, meanwhile).0;
    let (ran, refused): (Vec<_>, Vec<_>) = held.into_iter().partition(Result::is_ok);
    assert_eq!(ran.len(), 3);
    for refused in refused {
        let refused = refused.unwrap_err();
        let message = &refused.error().message;
        assert_eq!(refused.name(), "Overloaded", "{message}");
        assert!(message.contains("of this account"), "{message}");
    }
}
