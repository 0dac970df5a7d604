//! The program itself: how it starts, refuses to, and ends.

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Function, Platform, account, gone, storage_folders};

fn error_of(output: &std::process::Output) -> String {
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    let error: Value = serde_json::from_str(line.lines().last().unwrap()).expect(&line);
    assert_eq!(error["error"]["code"], "CAPE-CFG-001");
    error["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_refuses_to_start_on_what_is_wrong() {
    let platform = Platform::new().await;
    let arguments = platform.serve_arguments();
    let with = |name: &str, value: &str| {
        let at = arguments.iter().position(|argument| argument == name).unwrap();
        let mut changed: Vec<&str> = arguments.iter().map(String::as_str).collect();
        changed[at + 1] = value;
        error_of(&platform.run(&changed))
    };
    assert!(with("--settings", "none.toml").contains("none.toml"));
    assert!(with("--python", "/bin/sh").contains("python3.N"));
    assert!(with("--vault-key", "none.key").contains("none.key"));
    assert!(!platform.path().join("none.key").exists(), "a vault is never made on the way");
    assert!(with("--vault-id", &"00".repeat(32)).contains("holds the vault"));
    assert!(with("--nsm", "none").contains("none"));
    assert!(with("--listen", "192.0.2.1:1").contains("192.0.2.1:1"));
    std::fs::write(platform.path().join("odd.toml"), "mode = \"production\"\nfun = true\n").unwrap();
    assert!(with("--settings", "odd.toml").starts_with("settings: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_is_never_made_again() {
    let platform = Platform::new().await;
    let key = std::fs::read(platform.path().join("vault.key")).unwrap();
    let python = platform.python.to_str().unwrap();
    let vault = ["vault", "create", "--key", "vault.key", "--nsm", "nsm", "--settings", "settings.toml"];
    let again = platform.run(&[&vault[..], &["--python", python, "--json"]].concat());
    assert!(error_of(&again).contains("vault.key"));
    assert_eq!(std::fs::read(platform.path().join("vault.key")).unwrap(), key);
    assert!(error_of(&platform.run(&["nsm", "create", "--dir", "nsm", "--json"])).contains("nsm"));
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_errors_and_help() {
    let platform = Platform::new().await;
    for arguments in [&[][..], &["dance"], &["serve"], &["measure", "--settings"], &["nsm"], &["nsm", "x"]] {
        let output = platform.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.starts_with("cape-enclave: error: "), "{error}");
    }
    for command in [&[][..], &["measure"], &["nsm", "create"], &["vault", "create"], &["serve"], &["worker"]]
    {
        let output = platform.run(&[command, &["--help"]].concat());
        assert!(output.status.success(), "{command:?}");
        assert!(String::from_utf8(output.stdout).unwrap().starts_with("Example: "), "{command:?}");
    }
    assert_eq!(platform.run(&["--version"]).stdout, b"cape-enclave 4.0.0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_its_input_does_and_leaves_nothing() {
    let platform = Platform::new().await;
    let mut runtime = platform.start();
    let account = account();
    let function = Function::new(&platform, &account, "def cape_handler(data):\n    return data\n");
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    client.run_own(&account, function.checksum(), b"").await.unwrap();
    let workers = runtime.descendants();
    assert!(!workers.is_empty());
    drop(runtime.child.stdin.take());
    assert!(runtime.child.wait().unwrap().success());
    gone(&workers).await;
    assert_eq!(storage_folders(&platform), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_end_with_a_runtime_that_is_killed_and_the_next_one_cleans_up() {
    let platform = Platform::new().await;
    let mut runtime = platform.start();
    let account = account();
    let source = "import time\ndef cape_handler(data):\n    yield b'begun'\n    time.sleep(1000)\n";
    let function = Function::new(&platform, &account, source);
    let mut client = runtime.connect().await;
    client.deploy(&account, &function).await.unwrap();
    let open = client.own_run_request(&account, function.checksum());
    let call = client.start(open, b"").await;
    client.begun(call).await;
    let workers = runtime.descendants();
    assert!(workers.len() >= 2, "{workers:?}");
    runtime.child.kill().unwrap();
    runtime.child.wait().unwrap();
    assert!(client.next_end().await.is_err(), "the client sees the connection close");
    gone(&workers).await;
    let _next = platform.start();
    assert_eq!(storage_folders(&platform), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_too() {
    let platform = Platform::new().await;
    let mut runtime = platform.start();
    let pid = runtime.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(runtime.child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_any_more_is_no_reason_to_fail() {
    let platform = Platform::new().await;
    let mut runtime = platform.start_without_reader();
    let account = account();
    let function = Function::new(&platform, &account, "def cape_handler(data):\n    return data\n");
    let mut client = runtime.connect().await;
    let unknown = client.run_own(&account, function.checksum(), b"").await.unwrap_err();
    assert_eq!(unknown.name(), "NotFound");
    drop(runtime.child.stdin.take());
    assert!(runtime.child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_descriptors_to_begin_with_are_served() {
    let platform = Platform::new().await;
    let runtime = platform.start_with_descriptors(64);
    let account = account();
    let function = Function::new(&platform, &account, "def cape_handler(data):\n    return data\n");
    let mut clients = Vec::new();
    for _ in 0..80 {
        clients.push(runtime.connect().await);
    }
    let client = clients.last_mut().unwrap();
    client.deploy(&account, &function).await.unwrap();
    assert_eq!(client.run_own(&account, function.checksum(), b"x").await.unwrap().output, b"x");
}
