//! The host's store loses, swaps and alters what it keeps, and never unseen.

mod support;

use std::time::Duration;

use cape_core::identity::Account;
use cape_core::session::RuntimeDescription;
use support::{Function, Ill, Platform, Settings, account, eventually};

const ECHO: &str = "def cape_handler(data):\n    return data\n";

fn names(function: &Function) -> (String, String) {
    (format!("01{}", function.checksum()), format!("02{}", function.checksum()))
}

fn noise() -> Vec<u8> {
    (0..3_000_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A function whose bundle has several windows of chunks.
fn large(platform: &Platform, account: &Account, version: u64) -> Function {
    let noise = noise();
    let files: [(&str, &[u8]); 2] = [("app.py", ECHO.as_bytes()), ("noise.bin", &noise)];
    Function::with(platform, account, &files, Settings { version, ..Settings::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_runtime_serves_what_was_deployed() {
    let platform = Platform::new().await;
    let account = account();
    let function = large(&platform, &account, 1);
    {
        let runtime = platform.start();
        let mut client = runtime.connect().await;
        client.deploy(&account, &function).await.unwrap();
        assert_eq!(client.run_own(&account, function.checksum(), b"1").await.unwrap().output, b"1");
    }
    let runtime = platform.start();
    let mut client = runtime.connect().await;
    assert_eq!(client.run_own(&account, function.checksum(), b"2").await.unwrap().output, b"2");
    let (bundle, manifest) = names(&function);
    assert_eq!(platform.blobs.names(), [bundle, manifest]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_what_was_deployed_before_and_after_a_restart() {
    let platform = Platform::new().await;
    let account = account();
    let source = b"def cape_handler(data):\n    return open(data.decode(), 'rb').read()\n";
    let noise = noise();
    let files: [(&str, &[u8]); 3] = [("app.py", source), ("data/noise", &noise), ("small", b"small")];
    let function = Function::with(&platform, &account, &files, Settings::default());
    for start in 0..2 {
        let runtime = platform.start();
        let mut client = runtime.connect().await;
        if start == 0 {
            client.deploy(&account, &function).await.unwrap();
        }
        for (name, content) in &files {
            let answer = client.run_own(&account, function.checksum(), name.as_bytes()).await.unwrap();
            assert!(answer.output == *content, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_spoils_is_an_error_and_never_another_function() {
    let platform = Platform::new().await;
    let account = account();
    let (function, other) = (large(&platform, &account, 1), large(&platform, &account, 2));
    {
        let runtime = platform.start();
        let mut client = runtime.connect().await;
        client.deploy(&account, &function).await.unwrap();
        client.deploy(&account, &other).await.unwrap();
    }
    let store = &platform.blobs;
    let ((bundle, manifest), (other_bundle, other_manifest)) = (names(&function), names(&other));
    let (good_bundle, good_manifest) = (store.get(&bundle).unwrap(), store.get(&manifest).unwrap());
    let flipped = |blob: &[u8], at: usize| {
        let mut blob = blob.to_vec();
        blob[at] ^= 1;
        blob
    };
    let grown = [&good_bundle[..], b"x"].concat();
    for (name, spoiled, class) in [
        (&bundle, store.get(&other_bundle), "FunctionCorrupted"),
        (&bundle, Some(good_manifest.clone()), "FunctionCorrupted"),
        (&bundle, Some(flipped(&good_bundle, 30)), "FunctionCorrupted"),
        (&bundle, Some(flipped(&good_bundle, good_bundle.len() / 2)), "FunctionCorrupted"),
        (&bundle, Some(flipped(&good_bundle, good_bundle.len() - 1)), "FunctionCorrupted"),
        (&bundle, Some(good_bundle[..good_bundle.len() - 20_000].to_vec()), "FunctionCorrupted"),
        (&bundle, Some(good_bundle[..10].to_vec()), "FunctionCorrupted"),
        (&bundle, Some(Vec::new()), "FunctionCorrupted"),
        (&bundle, Some(grown), "FunctionCorrupted"),
        (&bundle, None, "FunctionCorrupted"),
        (&manifest, store.get(&other_manifest), "FunctionCorrupted"),
        (&manifest, Some(flipped(&good_manifest, 100)), "FunctionCorrupted"),
        (&manifest, Some(vec![0; 1 << 20]), "FunctionCorrupted"),
        (&manifest, Some(Vec::new()), "FunctionCorrupted"),
        (&manifest, None, "NotFound"),
    ] {
        match spoiled {
            Some(blob) => store.put(name, blob),
            None => store.delete(name),
        }
        let runtime = platform.start();
        let mut client = runtime.connect().await;
        let failed = client.run_own(&account, function.checksum(), b"x").await.unwrap_err();
        assert_eq!(failed.name(), class, "{failed:?}");
        assert_eq!(client.run_own(&account, other.checksum(), b"y").await.unwrap().output, b"y");
        store.put(&bundle, good_bundle.clone());
        store.put(&manifest, good_manifest.clone());
        let answer = client.run_own(&account, function.checksum(), b"z").await.unwrap();
        assert_eq!(answer.output, b"z", "the failure is not remembered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_fails_publishes_nothing() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let mut client = runtime.connect().await;
    let function = large(&platform, &account, 1);
    let mut altered = function.bundle.clone();
    altered[1_000_000] ^= 1;
    let longer = [&function.bundle[..], b"x"].concat();
    for (bundle, class) in [
        (&altered[..], "ChecksumMismatch"),
        (&longer, "ChecksumMismatch"),
        (&function.bundle[..function.bundle.len() - 1], "ChecksumMismatch"),
        (b"", "ChecksumMismatch"),
    ] {
        let open = client.deploy_request(&account, &function);
        let failed = client.call(open, bundle).await.unwrap_err();
        assert_eq!(failed.name(), class, "{failed:?}");
    }
    let no_zip = Function::with(&platform, &account, &[("../app.py", b"")], Settings::default());
    assert_eq!(client.deploy(&account, &no_zip).await.unwrap_err().name(), "FileRefused");
    let settings = Settings { memory_mib: 1 << 20, ..Settings::default() };
    let greedy = Function::with(&platform, &account, &[("app.py", b"")], settings);
    assert_eq!(client.deploy(&account, &greedy).await.unwrap_err().name(), "PackagingError");

    // The client breaks off in the middle.
    let mut leaving = runtime.connect().await;
    let open = leaving.deploy_request(&account, &function);
    let (call, message) = leaving.session.open(&open).unwrap();
    leaving.send(message).await;
    let part = leaving.session.data(call, &function.bundle[..500_000]).unwrap();
    leaving.send(part).await;
    drop(leaving);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(platform.blobs.names(), Vec::<String>::new());
    client.deploy(&account, &function).await.unwrap();
    assert_eq!(platform.blobs.names().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_may_travel_compressed() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let text = "# many words\n".repeat(500_000);
    let files: [(&str, &[u8]); 2] = [("app.py", ECHO.as_bytes()), ("words.txt", text.as_bytes())];
    let function = Function::with(&platform, &account, &files, Settings::default());
    let mut client = runtime.connect().await;
    let compressed = zstd::stream::encode_all(&function.bundle[..], 3).unwrap();
    assert!(compressed.len() < function.bundle.len() / 10);
    for (bundle, class) in [
        (compressed[..compressed.len() / 2].to_vec(), "ChecksumMismatch"),
        (zstd::stream::encode_all(&vec![0; 100 << 20][..], 3).unwrap(), "ChecksumMismatch"),
        (function.bundle.clone(), "PackagingError"),
        ([&compressed[..], &compressed].concat(), "PackagingError"),
    ] {
        let mut open = client.deploy_request(&account, &function);
        open.options.zstd = true;
        let failed = client.call(open, &bundle).await.unwrap_err();
        assert_eq!(failed.name(), class, "{failed:?}");
    }
    let mut open = client.deploy_request(&account, &function);
    open.options.zstd = true;
    client.call(open, &compressed).await.unwrap();
    assert_eq!(client.run_own(&account, function.checksum(), b"x").await.unwrap().output, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_bytes_that_hold_a_large_bundle_are_inflated_piece_by_piece() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let zeros = vec![0; 128 << 20];
    let files: [(&str, &[u8]); 2] = [("app.py", ECHO.as_bytes()), ("zeros.bin", &zeros)];
    let function = Function::with(&platform, &account, &files, Settings::default());
    let compressed = zstd::stream::encode_all(&function.bundle[..], 3).unwrap();
    assert!(compressed.len() < 64 << 10);
    let mut client = runtime.connect().await;
    let before = runtime.peak_memory();
    let mut open = client.deploy_request(&account, &function);
    open.options.zstd = true;
    client.call(open, &compressed).await.unwrap();
    let grown = runtime.peak_memory() - before;
    assert!(grown < 64 << 20, "{grown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_functions_are_deployed_at_once() {
    let platform = Platform::with_limits("deploys = 1").await;
    let runtime = platform.start();
    let account = account();
    let function = large(&platform, &account, 1);
    let mut slow = runtime.connect().await;
    let open = slow.deploy_request(&account, &function);
    let (call, message) = slow.session.open(&open).unwrap();
    slow.send(message).await;
    for half in function.bundle[..1 << 20].chunks(1 << 19) {
        let part = slow.session.data(call, half).unwrap();
        slow.send(part).await;
    }
    // CREDIT: the deploy is under way.
    slow.receive().await.unwrap();
    let mut other = runtime.connect().await;
    let failed = other.deploy(&account, &function).await.unwrap_err();
    assert_eq!(failed.name(), "Overloaded");
    assert!(failed.error().details["retry_after"].parse::<f64>().unwrap() > 0.0);
    slow.cancel(call).await;
    for _ in 0..1200 {
        match other.deploy(&account, &function).await {
            Err(failed) if failed.name() == "Overloaded" => {
                tokio::time::sleep(Duration::from_millis(50)).await
            }
            result => return drop(result.unwrap()),
        }
    }
    panic!("there is no room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_is_full_costs_the_function_that_has_no_room() {
    let platform = Platform::with_limits("storage_bytes = 2097152").await;
    let runtime = platform.start();
    let account = account();
    let mut client = runtime.connect().await;
    let description = RuntimeDescription::decode(&client.describe().await.description).unwrap();
    let storage = description.isolation.iter().find(|layer| layer.name == "private_storage").unwrap();
    if let Some(reason) = &storage.off_because {
        return eprintln!("skipped: the storage has no limit here: {reason}");
    }
    let small = Function::new(&platform, &account, ECHO);
    client.deploy(&account, &small).await.unwrap();
    let failed = client.deploy(&account, &large(&platform, &account, 2)).await.unwrap_err();
    assert_eq!(failed.name(), "ServiceError");
    assert!(failed.error().message.contains("storage"), "{}", failed.error().message);
    let (bundle, manifest) = names(&small);
    assert_eq!(platform.blobs.names(), [bundle, manifest]);
    assert_eq!(client.run_own(&account, small.checksum(), b"x").await.unwrap().output, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_store_the_runtime_says_so_and_goes_on() {
    let platform = Platform::new().await;
    let runtime = platform.start();
    let account = account();
    let function = Function::new(&platform, &account, ECHO);
    let mut client = runtime.connect().await;
    std::fs::rename(platform.path().join("blobs"), platform.path().join("elsewhere")).unwrap();
    assert_eq!(client.deploy(&account, &function).await.unwrap_err().name(), "ServiceError");
    assert_eq!(client.run_own(&account, function.checksum(), b"").await.unwrap_err().name(), "ServiceError");
    std::fs::rename(platform.path().join("elsewhere"), platform.path().join("blobs")).unwrap();
    client.deploy(&account, &function).await.unwrap();
    assert_eq!(client.run_own(&account, function.checksum(), b"x").await.unwrap().output, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn unpacked_functions_make_room_for_others_in_the_order_of_their_last_use() {
    // Room for two of them, with what is compiled of them meanwhile.
    let platform = Platform::with_limits("function_cache_bytes = 500000").await;
    let runtime = platform.start();
    let account = account();
    let functions = ["first", "second", "third"].map(|name| {
        let source = format!("def cape_handler(data):\n    return '{name}'\n");
        let files: [(&str, &[u8]); 2] = [("app.py", source.as_bytes()), ("data", &[7; 200_000])];
        Function::with(&platform, &account, &files, Settings::default())
    });
    let mut client = runtime.connect().await;
    client.deploy(&account, &functions[0]).await.unwrap();
    client.deploy(&account, &functions[1]).await.unwrap();
    client.run_own(&account, functions[0].checksum(), b"").await.unwrap();
    // While a connection has a worker of it, it stays in any case.
    drop(client);
    let mut client = runtime.connect().await;
    eventually(async || (client.describe().await.state.warm_functions == Some(0)).then_some(())).await;
    client.deploy(&account, &functions[2]).await.unwrap();
    for name in platform.blobs.names().iter().filter(|name| name.starts_with("01")) {
        platform.blobs.delete(name);
    }
    for (function, name) in [(&functions[0], "first"), (&functions[2], "third")] {
        let output = client.run_own(&account, function.checksum(), b"").await.unwrap().output;
        assert_eq!(output, name.as_bytes());
    }
    let gone = client.run_own(&account, functions[1].checksum(), b"").await.unwrap_err();
    assert_eq!(gone.name(), "FunctionCorrupted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_the_store_does_not_send_keeps_nobody_from_a_worker() {
    let platform = Platform::with_limits("workers = 1\nqueue = 0\nwarm_memory_mib = 0").await;
    let account = account();
    let function = |version| {
        let settings = Settings { version, ..Settings::default() };
        Function::with(&platform, &account, &[("app.py", ECHO.as_bytes())], settings)
    };
    let (slow, other) = (function(1), function(2));
    {
        let runtime = platform.start();
        let mut client = runtime.connect().await;
        client.deploy(&account, &slow).await.unwrap();
        client.deploy(&account, &other).await.unwrap();
    }
    let (bundle, _) = names(&slow);
    platform.blobs.fall_ill(&bundle, Some(Ill::Silent));
    let runtime = platform.start();
    let mut waiting = runtime.connect().await;
    let open = waiting.own_run_request(&account, slow.checksum());
    waiting.start(open, b"x").await;
    platform.blobs.was_asked_for(&bundle).await;
    let mut client = runtime.connect().await;
    let answer = client.run_own(&account, other.checksum(), b"y").await.unwrap();
    assert_eq!(answer.output, b"y");
}
