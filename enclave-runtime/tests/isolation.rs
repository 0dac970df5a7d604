//! How long a function's state lives, and who waits for its import.

mod support;

use std::time::Duration;

use cape_core::identity::{Account, Isolation};
use cape_core::session::RuntimeDescription;

use support::{
    Answer, Client, Failed, Function, Platform, Runtime, Settings, account, eventually, run_request,
};

/// Counts its calls, and tells the process that it ran in.
const COUNTER: &str = "import os\ncalls = 0\ncape_fork_safe = True\ndef cape_handler(data):\n    global calls\n    \
    calls += 1\n    if data == b'die': os.kill(os.getpid(), 11)\n    if data == b'exit': os._exit(3)\n    \
    return f'{calls} {os.getpid()}'\n";

fn function(platform: &Platform, account: &Account, source: &str, isolation: Isolation) -> Function {
    let settings = Settings { isolation, ..Settings::default() };
    Function::with(platform, account, &[("app.py", source.as_bytes())], settings)
}

/// The number of the call and of the process, as the counter tells them.
fn told(answer: &Answer) -> (u32, u32) {
    let text = String::from_utf8(answer.output.clone()).unwrap();
    let (calls, process) = text.split_once(' ').unwrap();
    (calls.parse().unwrap(), process.parse().unwrap())
}

async fn run_shared(
    client: &mut Client,
    function: &Function,
    token: &str,
    shared: bool,
) -> Result<Answer, Failed> {
    let mut open = run_request(function.checksum());
    open.token = Some(token.to_owned());
    open.options.shared = shared;
    client.call(open, b"").await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_isolation_session_state_lives_as_long_as_connection_and_token() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let function = function(&platform, &account, COUNTER, Isolation::Session);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let (one, other) = (function.token(&account), function.token(&account));
    for (token, calls) in [(&one, 1), (&one, 2), (&other, 1), (&one, 3), (&other, 2)] {
        assert_eq!(told(&client.run(function.checksum(), token, b"").await.unwrap()).0, calls);
    }
    let mut another = runtime.connect().await;
    assert_eq!(told(&another.run(function.checksum(), &one, b"").await.unwrap()).0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_isolation_call_each_call_has_a_process_of_its_own() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let function = function(&platform, &account, COUNTER, Isolation::Call);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let mut processes = Vec::new();
    for cold in [true, false, false] {
        let answer = client.run_own(&account, function.checksum(), b"").await.unwrap();
        assert_eq!(answer.end.usage.cold, Some(cold));
        let (calls, process) = told(&answer);
        assert_eq!(calls, 1);
        assert!(!processes.contains(&process));
        processes.push(process);
    }
    for (input, signal) in [(&b"die"[..], Some("11")), (b"exit", None)] {
        let failed = client.run_own(&account, function.checksum(), input).await.unwrap_err();
        assert_eq!(failed.name(), "FunctionCrashed");
        assert_eq!(failed.error().details.get("signal").map(String::as_str), signal);
        assert_eq!(told(&client.run_own(&account, function.checksum(), b"").await.unwrap()).0, 1);
    }
}

/// Leaves something in /tmp, as the input says, and tells what was there.
const MESS: &str = r#"
import os
cape_fork_safe = True

def cape_handler(data):
    os.chdir('/tmp')
    found = f'{os.stat(".").st_mode & 0o777:o} {os.listdir()}'
    open('file', 'w').close()
    os.symlink('/function', 'link')
    if data == b'a folder that nobody may read':
        os.makedirs('a/b')
        open('a/b/c', 'w').close()
        os.chmod('a/b', 0)
        os.chmod('a', 0)
    elif data == b'nobody may read any of it':
        os.chmod('.', 0)
    elif data == b'deeper than a path can say':
        for _ in range(5000):
            os.mkdir('x')
            os.chdir('x')
    elif data == b'names that are no text':
        for name in (b'\xff\xfe', b'a\nb', b'-rf', b' '):
            os.mkdir(name)
    elif data == b'a process that goes on writing':
        if os.fork() == 0:
            os.setsid()
            while True:
                open(os.urandom(8).hex(), 'w').close()
    return found
"#;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_call_leaves_in_tmp_is_gone_when_the_next_one_begins() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let function = function(&platform, &account, MESS, Isolation::Call);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let description = RuntimeDescription::decode(&client.describe().await.description).unwrap();
    if description.isolation.iter().any(|layer| layer.name == "private_root" && layer.off_because.is_some()) {
        eprintln!("skipped: there is no /tmp of its own here");
        return;
    }
    for mess in [
        "a folder that nobody may read",
        "nobody may read any of it",
        "deeper than a path can say",
        "names that are no text",
        "a process that goes on writing",
        "nothing",
    ] {
        let answer = client.run_own(&account, function.checksum(), mess.as_bytes()).await;
        assert_eq!(String::from_utf8_lossy(&answer.expect(mess).output), "700 []", "{mess}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_say_that_it_can_be_forked_is_not() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let echo = "def cape_handler(data):\n    return data\n";
    let thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n\
                  cape_fork_safe = True\n";
    for (source, reason) in [
        (echo.to_owned(), "say cape_fork_safe = True in app.py"),
        (format!("cape_fork_safe = 1\n{echo}"), "say cape_fork_safe = True in app.py"),
        (format!("{thread}{echo}"), "has left threads"),
    ] {
        let function = function(&platform, &account, &source, Isolation::Call);
        let mut client = runtime.connect().await;
        client.deploy(&account, &function).await.unwrap();
        let failed = client.run_own(&account, function.checksum(), b"").await.unwrap_err();
        assert_eq!((failed.name(), failed.error().details["type"].as_str()), ("FunctionError", "TypeError"));
        assert!(failed.error().message.contains(reason), "{}", failed.error().message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_isolation_function_callers_share_a_process_if_they_agree() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let function = function(&platform, &account, COUNTER, Isolation::Function);
    let mut owner = runtime.connect().await;
    owner.deploy(&account, &function).await.unwrap();
    let first = told(&owner.run_own(&account, function.checksum(), b"").await.unwrap());
    assert_eq!(first.0, 1);
    let token = function.token(&account);
    let mut caller = runtime.connect().await;
    let refused = run_shared(&mut caller, &function, &token, false).await.unwrap_err();
    assert_eq!(
        (refused.name(), refused.error().details["isolation"].as_str()),
        ("PermissionDenied", "function")
    );
    let answer = run_shared(&mut caller, &function, &token, true).await.unwrap();
    assert_eq!((told(&answer).0, answer.end.usage.cold), (2, Some(false)));
    drop((owner, caller));
    let later = run_shared(&mut runtime.connect().await, &function, &token, true).await.unwrap();
    assert_eq!(told(&later).0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_shared_function_at_the_same_time_have_a_process_each() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let source = "import time\ncalls = 0\ndef cape_handler(data):\n    global calls\n    calls += 1\n    \
                  yield b'begun'\n    time.sleep(float(data))\n";
    let function = function(&platform, &account, source, Isolation::Function);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let mut calls = Vec::new();
    for _ in 0..2 {
        let open = client.own_run_request(&account, function.checksum());
        let call = client.start(open, b"60").await;
        client.begun(call).await;
        calls.push(call);
    }
    assert_eq!(calls.len(), 2);
}

async fn first_call_is_cold(runtime: &Runtime<'_>, account: &Account, function: &Function) -> bool {
    let mut client = runtime.connect().await;
    client.run_own(account, function.checksum(), b"").await.unwrap().end.usage.cold.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_are_called_often_are_loaded_before_the_next_connection_needs_them() {
    let platform = Platform::with_limits("warm_idle_s = 1").await;
    let runtime = platform.start();
    let account = account();
    let function = function(&platform, &account, COUNTER, Isolation::Session);
    runtime.connect().await.deploy(&account, &function).await.unwrap();
    let warm = eventually(async || (!first_call_is_cold(&runtime, &account, &function).await).then_some(()));
    warm.await;
    let state = async || runtime.connect().await.describe().await.state.warm_functions.unwrap();
    eventually(async || (state().await == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_memory_for_it_nobody_waits() {
    let platform = Platform::with_limits("warm_memory_mib = 0").await;
    let runtime = platform.start();
    let account = account();
    let function = function(&platform, &account, COUNTER, Isolation::Session);
    runtime.connect().await.deploy(&account, &function).await.unwrap();
    for _ in 0..5 {
        assert!(first_call_is_cold(&runtime, &account, &function).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_makes_room_for_another_function() {
    let platform = Platform::with_limits("workers = 2\nqueue = 0").await;
    let runtime = platform.start();
    let account = account();
    let hot = function(&platform, &account, COUNTER, Isolation::Session);
    let other = function(&platform, &account, &format!("{COUNTER}# another\n"), Isolation::Session);
    let mut client = runtime.connect().await;
    client.deploy(&account, &hot).await.unwrap();
    client.deploy(&account, &other).await.unwrap();
    eventually(async || (!first_call_is_cold(&runtime, &account, &hot).await).then_some(())).await;
    for function in [&hot, &other] {
        eventually(async || client.run_own(&account, function.checksum(), b"").await.ok()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_fails_to_load_is_not_loaded_again_and_again() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let function = function(&platform, &account, "raise ValueError('not today')\n", Isolation::Session);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    for _ in 0..6 {
        let failed = client.run_own(&account, function.checksum(), b"").await.unwrap_err();
        assert_eq!((failed.name(), failed.error().message.as_str()), ("FunctionError", "not today"));
    }
    let told = |log: &str| log.matches("was not loaded in advance").count();
    let log = || std::fs::read_to_string(platform.path().join("log")).unwrap();
    eventually(async || (told(&log()) == 1).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(told(&log()), 1);
    assert!(!log().contains("not today"));
}
