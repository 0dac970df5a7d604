//! Functions inside the booted image, from their deployment to another start.

use cape_core::identity::{Account, Checksum};
use libtest_mimic::Trial;

use crate::support::blob_store::BlobStore;
use crate::support::enclave::Enclave;
use crate::support::function::{Function, Settings, account};
use crate::support::session::Failed;
use crate::support::{environment, image};
use crate::trial;

/// Answers what it is asked.
const ECHO: &str = "def cape_handler(data): return data";

/// Tells of its vsock, or eats memory.
const PRYING: &str = r#"
import os, socket
def cape_handler(data):
    if data == b"vsock":
        return socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).getsockname()
    if data == b"devices":
        return " ".join(sorted(os.listdir("/dev")))
    if data == b"memory":
        return bytes(len(b"x" * (4 << 30)))
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            held = bytearray(b"x" * (24 << 20))
            while True: held[0] ^= 1
        children.append(child)
    for child in children: os.waitpid(child, 0)
"#;

/// Each of its processes has less than the worker may, all of them together have more. Tells how many there
/// are.
const GREEDY: &str = r#"
import os, time
def cape_handler(data):
    there = 0
    for _ in range(4):
        reader, writer = os.pipe()
        if os.fork() == 0:
            held = bytearray(b"x") * (48 << 20)
            os.write(writer, b"!")
            time.sleep(600)
        os.close(writer)
        there += len(os.read(reader, 1))
    return str(there)
"#;

/// All that keeps a worker's memory but the kernel's control groups.
const OTHER_LIMITS_OF_MEMORY: [&str; 2] = ["memory_watch", "resource_limits"];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("functions::run_inside_the_booted_image", run_inside_the_booted_image),
        trial("functions::much_goes_both_ways_in_small_writes", much_goes_both_ways_in_small_writes),
        trial(
            "functions::their_memory_is_limited_and_vsock_is_out_of_reach",
            their_memory_is_limited_and_vsock_is_out_of_reach,
        ),
        trial(
            "functions::control_groups_alone_keep_their_limit_of_memory",
            control_groups_alone_keep_their_limit_of_memory,
        ),
        trial("functions::are_served_again_after_a_restart", are_served_again_after_a_restart),
    ]
}

async fn deployed(enclave: &Enclave, source: &str) -> (Account, Checksum) {
    let account = account();
    let settings = Settings { memory_mib: 128, timeout_s: 120, ..Settings::default() };
    let files = [("app.py", source.as_bytes())];
    let function = Function::with(&enclave.platform().await, &account, &files, settings);
    enclave.client().await.deploy(&account, &function).await.unwrap();
    (account, function.checksum())
}

async fn run_inside_the_booted_image() {
    let enclave = Enclave::boot("served").await;
    let (account, checksum) = deployed(&enclave, ECHO).await;
    let mut client = enclave.client().await;
    for input in [&b"hello"[..], b"", &[0xff; 60_000]] {
        assert_eq!(client.run(&account, checksum, input).await.unwrap().output, input);
    }
    assert_eq!(enclave.host.beats(), 1);
    assert_eq!(enclave.blobs.names().len(), 2, "a bundle and a manifest, both sealed");
}

async fn much_goes_both_ways_in_small_writes() {
    let enclave = Enclave::boot("served").await;
    let (account, checksum) = deployed(&enclave, ECHO).await;
    let input: Vec<u8> =
        (0..5 << 20).map(|position: u32| (position.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let answer = enclave.client().await.run(&account, checksum, &input).await.unwrap();
    assert!(answer.output == input);
    let largest = enclave.machine.counted("largest_from_guest").await;
    assert!((16_000..=32_000).contains(&largest), "{largest} bytes in a write");
}

async fn their_memory_is_limited_and_vsock_is_out_of_reach() {
    let enclave = Enclave::boot("served").await;
    let (account, checksum) = deployed(&enclave, PRYING).await;
    let mut client = enclave.client().await;
    let Failed::Call { class, message, .. } = client.run(&account, checksum, b"vsock").await.unwrap_err()
    else {
        panic!("the connection ended");
    };
    assert_eq!(class, "FunctionError");
    assert!(message.starts_with("[Errno 1]"), "{message}");
    let devices = client.run(&account, checksum, b"devices").await.unwrap().output;
    assert_eq!(String::from_utf8(devices).unwrap(), "full null urandom");
    for way in [&b"memory"[..], b"children"] {
        let failed = client.run(&account, checksum, way).await.unwrap_err();
        assert_eq!(failed.class(), "FunctionOutOfMemory", "{failed:?}");
    }
    client.run(&account, checksum, b"devices").await.unwrap();
    enclave.client().await.run(&account, checksum, b"devices").await.unwrap();
}

async fn control_groups_alone_keep_their_limit_of_memory() {
    let enclave = boot_without(&OTHER_LIMITS_OF_MEMORY).await;
    let layers = enclave.client().await.describe().await.isolation;
    for layer in layers {
        let is_off = OTHER_LIMITS_OF_MEMORY.contains(&layer.name.as_str());
        assert_eq!(layer.off_because.is_some(), is_off, "{}", layer.name);
    }
    let (account, checksum) = deployed(&enclave, GREEDY).await;
    let failed = enclave.client().await.run(&account, checksum, b"").await.unwrap_err();
    assert_eq!(failed.class(), "FunctionOutOfMemory", "{failed:?}");
    drop(enclave);

    // Nothing else would have kept it.
    let enclave = boot_without(&["control_group", "memory_watch", "resource_limits"]).await;
    let (account, checksum) = deployed(&enclave, GREEDY).await;
    let answer = enclave.client().await.run(&account, checksum, b"").await.unwrap();
    assert_eq!(answer.output, b"4");
}

/// The image `served` with layers switched off by its settings.
async fn boot_without(layers: &[&str]) -> Enclave {
    let mut settings = include_str!("../../settings.toml").to_owned();
    for layer in layers {
        settings = settings.replace(&format!("    \"{layer}\",\n"), "");
    }
    let settings = settings.replace("required = [", &format!("insecure_off = {layers:?}\nrequired = ["));
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("without.eif");
    image::with_settings(&environment::image("served"), &settings, &image);
    Enclave::boot_with(&image, BlobStore::default()).await
}

async fn are_served_again_after_a_restart() {
    let mut enclave = Enclave::boot("served").await;
    let (account, checksum) = deployed(&enclave, ECHO).await;
    enclave.host.end_supervision().await;
    assert!(enclave.machine.ended().await.success());
    let blobs = enclave.blobs.clone();
    drop(enclave);

    let enclave = Enclave::boot_with(&environment::image("served"), blobs.clone()).await;
    let mut client = enclave.client().await;
    assert_eq!(client.run(&account, checksum, b"again").await.unwrap().output, b"again");
    // What its host has altered is refused, and nothing else is.
    drop(enclave);
    for name in blobs.names() {
        let mut blob = blobs.get(&name).unwrap();
        let middle = blob.len() / 2;
        blob[middle] ^= 1;
        blobs.put(&name, blob);
    }
    let enclave = Enclave::boot_with(&environment::image("served"), blobs).await;
    let failed = enclave.client().await.run(&account, checksum, b"again").await.unwrap_err();
    assert_eq!(failed.class(), "FunctionCorrupted", "{failed:?}");
}
