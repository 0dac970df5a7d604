//! What a host may say to an enclave, and what comes of it.

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::support::blob_store::BlobStore;
use crate::support::enclave::{Enclave, vault};
use crate::support::environment;
use crate::support::host::{Hello, Host};
use crate::support::image;
use crate::support::machine::{Machine, Settings};
use crate::trial;

/// It may stand anywhere in what the host says, and nowhere in what becomes of that.
const SECRET: &str = "s3cret";

/// Bytes of the host's first line at most, its line feed among them.
const MAX_LINE: usize = 65_536;

/// Bytes of a write of an enclave at most.
const MAX_WRITE: usize = 32_000;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "supervision::a_first_line_that_is_too_long_is_refused",
            a_first_line_that_is_too_long_is_refused,
        ),
        trial(
            "supervision::a_first_line_without_its_end_is_refused",
            a_first_line_without_its_end_is_refused,
        ),
        trial("supervision::what_nobody_asked_for_is_refused", what_nobody_asked_for_is_refused),
        trial(
            "supervision::a_host_that_takes_its_time_is_not_waited_for",
            a_host_that_takes_its_time_is_not_waited_for,
        ),
        trial(
            "supervision::only_the_first_line_counts_and_may_be_long",
            only_the_first_line_counts_and_may_be_long,
        ),
    ]
}

async fn a_first_line_that_is_too_long_is_refused() {
    refused(Hello::Bytes(padded(MAX_LINE + 1)), "more than 65536 bytes in a line").await;
}

async fn a_first_line_without_its_end_is_refused() {
    let whole = instructions().to_string().into_bytes();
    refused(Hello::Last(whole), "they end before their line does").await;
}

async fn what_nobody_asked_for_is_refused() {
    let mut hello = instructions();
    hello[SECRET.repeat(9000)] = json!({"secret_access_key": SECRET});
    refused(Hello::line(&hello), "unknown field at line 1 column 54003").await;
}

async fn a_host_that_takes_its_time_is_not_waited_for() {
    let reason = "they did not come within 30 s";
    tokio::join!(refused(Hello::Bytes(vec![]), reason), refused(Hello::Dripping(SECRET.as_bytes()), reason));
}

fn instructions() -> Value {
    Host::instructions(&vault())
}

/// What the host has to say, in a line of so many bytes.
fn padded(length: usize) -> Vec<u8> {
    let mut line = instructions().to_string().into_bytes();
    line.resize(length - 1, b' ');
    line.push(b'\n');
    line
}

/// An image that is told this ends, says why in its last line, and has done nothing else.
async fn refused(hello: Hello, reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("platform.eif");
    image::of_platform(&environment::image("served"), &image, b"");
    let host = Host::saying(folder.path(), &BlobStore::default(), hello);
    let settings = Settings { memory: 256, ..Settings::default() };
    let mut machine = Machine::start(folder, &image, settings).await;
    assert!(machine.ended().await.success(), "{}", machine.console());

    let lines = host.last_lines().await;
    let (last, log) = lines.split_last().unwrap();
    assert_eq!(last["ok"], false, "{lines:?}");
    let told = last["error"]["message"].as_str().unwrap();
    assert_eq!(told, format!("the host's instructions: {reason}"));
    assert!(log.iter().all(|line| line.get("timestamp").is_some()), "{lines:?}");
    let lines = format!("{lines:?}");
    assert!(lines.len() < MAX_WRITE, "no write can have had more: {lines}");
    assert!(!lines.contains(SECRET) && !machine.console().contains(SECRET), "{lines}");
}

async fn only_the_first_line_counts_and_may_be_long() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = BlobStore::default();
    let host = Host::saying(folder.path(), &blobs, Hello::Bytes(padded(MAX_LINE)));
    let mut enclave = Enclave::boot_in(folder, &environment::image("served"), host, blobs).await;
    let mut other = Host::instructions(&[7; 32]);
    other["limits"] = json!({"workers": 1});
    let before = enclave.client().await.describe().await;
    enclave.host.tell(other).await;
    enclave.host.tell(json!({"stop": false})).await;
    enclave.host.tell_bytes(&[b'x'; 3 * MAX_LINE]).await;
    enclave.host.tell_bytes(b"\xff\0\n[[[\n").await;
    assert_eq!(enclave.client().await.describe().await, before);
    enclave.host.tell(json!({"stop": true})).await;
    enclave.host.heard("stopping").await;
    assert!(enclave.machine.ended().await.success());
    assert!(!format!("{:?}", enclave.host.last_lines().await).contains("xxx"));
}
