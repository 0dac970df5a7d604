//! What a start depends on and its host has a part in: whether that answers, and which time it is.

use cape_kms_double::InsecureSigner;
use libtest_mimic::Trial;
use tokio::net::UnixListener;

use crate::support::blob_store::BlobStore;
use crate::support::enclave::{Enclave, policy_of, vault};
use crate::support::environment;
use crate::support::function::{Function, account};
use crate::support::host::Host;
use crate::support::machine::{Machine, Settings};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("start::a_host_that_never_answers_ends_it", a_host_that_never_answers_ends_it),
        trial(
            "start::a_clock_that_is_wrong_is_judged_by_in_nothing",
            a_clock_that_is_wrong_is_judged_by_in_nothing,
        ),
    ]
}

async fn a_host_that_never_answers_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let _silent = UnixListener::bind(folder.path().join("host_9000")).unwrap();
    let mut machine = Machine::start(folder, &environment::image("served"), Settings::default()).await;
    machine.ended().await;
    let console = machine.console();
    for host in [3, 2] {
        assert!(console.contains(&format!("context id {host}: it did not answer within 10 s")), "{console}");
    }
}

async fn a_clock_that_is_wrong_is_judged_by_in_nothing() {
    let (folder, blobs) = (tempfile::tempdir().unwrap(), BlobStore::default());
    let image = environment::image("served");
    let host = Host::listen(folder.path(), &blobs, Host::instructions(&vault()));
    let settings = Settings { time: "2020-02-20T20:20:20", ..Settings::default() };
    let machine = Machine::start(folder, &image, settings).await;
    let ready = machine.or_dead(host.heard("ready")).await;
    let policy = policy_of(&image);
    let enclave = Enclave { machine, host, blobs, policy, signer: InsecureSigner::new(), ready };
    let told = "the clock differs so much from the security module's that nothing is judged by it";
    enclave.host.logged(told).await;

    let account = account();
    let source = "def cape_handler(data): return data";
    let function = Function::new(&enclave.platform().await, &account, source);
    let mut client = enclave.client().await;
    client.deploy(&account, &function).await.unwrap();
    let failed = client.run(&account, function.checksum(), b"hello").await.unwrap_err();
    assert_eq!(failed.class(), "ServiceError", "{failed:?}");
}
