//! What an enclave is: measured, started and ended as it has to be.

use std::collections::BTreeMap;

use cape_core::attest::{Document, Error, TrustRoots};
use cape_core::crypto::sha384;
use cape_core::encoding::hex;
use cape_core::session::Mode;
use cape_kms_double::{InsecureSigner, register};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::blob_store::BlobStore;
use crate::support::enclave::{Enclave, policy_of, vault};
use crate::support::environment;
use crate::support::host::Host;
use crate::support::image;
use crate::support::machine::{INSTANCE, Machine, ROLE, Settings, eventually};
use crate::support::session::{Failed, with_algorithm};
use crate::trial;

const OPERATOR: u32 = 7001;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("enclave::is_measured_as_the_image_was", is_measured_as_the_image_was),
        trial("enclave::documents_that_nobody_signed_are_refused", documents_that_nobody_signed_are_refused),
        trial("enclave::another_setting_is_another_measurement", another_setting_is_another_measurement),
        trial("enclave::all_layers_of_the_jail_are_on", all_layers_of_the_jail_are_on),
        trial("enclave::another_command_line_is_refused", another_command_line_is_refused),
        trial("enclave::an_image_without_its_end_is_refused", an_image_without_its_end_is_refused),
        trial("enclave::a_host_without_a_sign_of_life_ends_it", a_host_without_a_sign_of_life_ends_it),
        trial("enclave::the_host_may_have_its_other_number", the_host_may_have_its_other_number),
        trial("enclave::instructions_that_do_not_fit_are_refused", instructions_that_do_not_fit_are_refused),
        trial("enclave::ends_when_its_supervision_does", ends_when_its_supervision_does),
        trial("enclave::ends_when_it_is_told_to", ends_when_it_is_told_to),
        trial("enclave::ends_when_its_host_crashes", ends_when_its_host_crashes),
        trial("enclave::sessions_end_with_the_way_to_them", sessions_end_with_the_way_to_them),
    ]
}

/// What `cape image inspect --json` says.
pub(crate) fn inspected(name: &str) -> BTreeMap<u8, [u8; 48]> {
    let said = std::fs::read(environment::image(name).with_extension("json")).unwrap();
    let said: Value = serde_json::from_slice(&said).unwrap();
    let pcrs = said["data"]["pcrs"].as_object().unwrap();
    let value = |value: &Value| hex::decode_array(value.as_str().unwrap()).unwrap();
    pcrs.iter().map(|(index, digits)| (index.parse().unwrap(), value(digits))).collect()
}

async fn is_measured_as_the_image_was() {
    let enclave = Enclave::boot("served").await;
    let document = enclave.greeted().await.document;
    let inspected = inspected("served");
    for index in [0, 1, 2] {
        assert_eq!(register(&document, index), inspected[&index], "PCR{index}");
    }
    assert_eq!(register(&document, 3), sha384(&[&[0; 48], ROLE.as_bytes()]));
    assert_eq!(register(&document, 4), sha384(&[&[0; 48], INSTANCE.as_bytes()]));
    let lines = enclave.host.lines();
    let digits = hex::encode(&inspected[&0]);
    assert!(lines.iter().any(|line| line.to_string().contains(&digits)), "the log tells it: {lines:?}");
}

async fn documents_that_nobody_signed_are_refused() {
    let enclave = Enclave::boot("served").await;
    let greeted = enclave.greeted().await;
    let aws = TrustRoots::aws();
    let refused = |document: &[u8], roots| greeted.judge(document, roots, &enclave.policy).unwrap_err();
    let details = |error: &Error| error.details().into_iter().collect::<BTreeMap<_, _>>();
    // As QEMU's module makes it: under no algorithm.
    let error = refused(&greeted.document, &aws);
    assert_eq!(
        (error.code().name(), details(&error)["reason"].as_str()),
        ("DocumentMalformed", "protected_header")
    );
    // With the algorithm of real ones: its certificates are none.
    let error = refused(&with_algorithm(&greeted.document), &aws);
    assert_eq!(
        (error.code().name(), details(&error)["reason"].as_str()),
        ("DocumentMalformed", "field_size")
    );
    // Signed under the development root it is good for who trusts that, and for nobody else.
    let signed = enclave.signer.sign(&greeted.document);
    assert!(matches!(*refused(&signed, &aws), Error::TrustRootMismatch { .. }));
    let other = InsecureSigner::new();
    assert!(matches!(*refused(&signed, &other.roots), Error::TrustRootMismatch { .. }));
    greeted.judge(&signed, &enclave.signer.roots, &enclave.policy).unwrap();
    // It answers this handshake and no other one.
    let error = enclave.greeted().await.judge(&signed, &enclave.signer.roots, &enclave.policy).unwrap_err();
    assert!(matches!(*error, Error::NonceMismatch { .. }), "{error:?}");
    assert!(Document::parse(&signed).is_ok());
}

async fn another_setting_is_another_measurement() {
    let (strict, weak) = (inspected("served"), inspected("weaker"));
    assert!(strict[&0] != weak[&0] && strict[&1] != weak[&1]);
    assert_eq!(strict[&2], weak[&2], "the same Python");
    let enclave = Enclave::boot("weaker").await;
    let greeted = enclave.greeted().await;
    for index in [0, 1, 2] {
        assert_eq!(register(&greeted.document, index), weak[&index], "PCR{index}");
    }
    let signed = enclave.signer.sign(&greeted.document);
    let pinned = policy_of(&environment::image("served"));
    let error = greeted.judge(&signed, &enclave.signer.roots, &pinned).unwrap_err();
    let Error::PcrMismatch { index: 0, expected, actual, .. } = *error else { panic!("{error:?}") };
    assert_eq!((expected, actual), (strict[&0], Some(weak[&0])));
    let layers = enclave.client().await.describe().await.isolation;
    let landlock = layers.iter().find(|layer| layer.name == "landlock").unwrap();
    assert!(!landlock.required, "that is what differs");
}

async fn all_layers_of_the_jail_are_on() {
    let enclave = Enclave::boot("served").await;
    let description = enclave.client().await.describe().await;
    assert_eq!(description.mode, Mode::Development, "its vault is a file");
    assert!(description.isolation.len() >= 17);
    for layer in description.isolation {
        assert_eq!(layer.off_because, None, "{}", layer.name);
        assert!(layer.required || layer.name == "private_storage", "{}", layer.name);
    }
    // A check that took longer than its 5 s, as it may in such a machine, is made again.
    eventually("the enclave is ready", async || {
        let mut operator = enclave.machine.connect_eventually(OPERATOR).await;
        let question = b"GET /readyz HTTP/1.1\r\nHost: enclave\r\nConnection: close\r\n\r\n";
        operator.write_all(question).await.ok()?;
        let mut answer = String::new();
        operator.read_to_string(&mut answer).await.ok()?;
        answer.starts_with("HTTP/1.1 200 ").then_some(())
    })
    .await;
}

/// What the console shows of an image that is refused before it has a host.
async fn refused(image: &std::path::Path, settings: Settings, reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::listen(folder.path(), &BlobStore::default(), Host::instructions(&vault()));
    let mut machine = Machine::start(folder, image, settings).await;
    machine.ended().await;
    assert!(machine.console().contains(reason), "{reason}; {}", machine.console());
    assert_eq!((host.beats(), host.lines()), (0, vec![]));
}

/// The registers are those of the whole image, and the host says how much memory there is.
async fn an_image_without_its_end_is_refused() {
    let settings = Settings { memory: 112, ..Settings::default() };
    refused(&environment::image("served"), settings, "the kernel did not unpack the image as far as").await;
}

async fn another_command_line_is_refused() {
    let appended = |append: &str| Settings { append: append.into(), ..Settings::default() };
    let served = environment::image("served");
    let folder = tempfile::tempdir().unwrap();
    let reason = "the kernel's command line is";
    let ours = "reboot=k panic=30 pci=off nomodules console=ttyS0 i8042.noaux i8042.nomux i8042.nopnp \
                i8042.dumbkbd random.trust_cpu=on";
    for (number, line) in
        [ours.replace("trust_cpu=on", "trust_cpu=off"), format!("{ours} quiet")].iter().enumerate()
    {
        let image = folder.path().join(number.to_string());
        image::with_command_line(&served, line, &image);
        assert_ne!(image::measurements(&image).pcr0, image::measurements(&served).pcr0);
        refused(&image, appended("reboot=t"), reason).await;
    }
    // What the hypervisor appends is not measured at all.
    refused(&served, appended("reboot=t mitigations=off"), reason).await;
}

async fn a_host_without_a_sign_of_life_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::start(folder, &environment::image("served"), Settings::default()).await;
    machine.ended().await;
    let console = machine.console();
    assert!(console.contains("no host answers on port 9000 of vsock"), "{console}");
}

async fn the_host_may_have_its_other_number() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::listen(folder.path(), &BlobStore::default(), Host::instructions(&vault()));
    let settings = Settings { host_cids: "2", ..Settings::default() };
    let machine = Machine::start(folder, &environment::image("served"), settings).await;
    machine.or_dead(host.heard("ready")).await;
    assert_eq!(host.beats(), 1);
}

async fn instructions_that_do_not_fit_are_refused() {
    let mut looser = Host::instructions(&vault());
    looser["limits"] = json!({"processes": 65});
    for (instructions, reason) in [(Host::instructions(&[7; 32]), "vault"), (looser, "processes")] {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::listen(folder.path(), &BlobStore::default(), instructions);
        let mut machine = Machine::start(folder, &environment::image("served"), Settings::default()).await;
        machine.ended().await;
        let lines = host.last_lines().await;
        assert!(lines.iter().all(|line| line.get("ready").is_none()), "{lines:?}");
        let told = lines.iter().find_map(|line| line["error"]["message"].as_str()).unwrap();
        assert!(told.contains(reason), "{told}");
    }
}

async fn ends_when_its_supervision_does() {
    let mut enclave = Enclave::boot("served").await;
    let mut client = enclave.client().await;
    client.describe().await;
    enclave.host.end_supervision().await;
    enclave.host.heard("stopping").await;
    assert!(enclave.machine.ended().await.success());
    while client.receive().await.is_ok() {}
    assert!(client.closing, "the session was told before");
}

async fn ends_when_it_is_told_to() {
    let mut enclave = Enclave::boot("served").await;
    enclave.host.tell(json!({"stop": true})).await;
    enclave.host.heard("stopping").await;
    assert!(enclave.machine.ended().await.success());
}

async fn ends_when_its_host_crashes() {
    let mut enclave = Enclave::boot("served").await;
    enclave.host.crash().await;
    assert!(enclave.machine.ended().await.success());
}

async fn sessions_end_with_the_way_to_them() {
    let mut enclave = Enclave::boot("served").await;
    let mut client = enclave.client().await;
    client.describe().await;
    enclave.machine.kill_backend();
    assert_eq!(client.receive().await, Err(Failed::Closed));
    assert!(enclave.machine.runs(), "whoever started it ends it");
}
