//! Images that are cut elsewhere into kernel, command line and ramdisks. Lengths are not measured: what is
//! gained by that, and which registers tell (`docs/spec/enclave.md`, where one part ends).

use std::path::Path;

use cape_core::attest::{Error, Policy};
use cape_kms_double::register;
use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::blob_store::BlobStore;
use crate::support::enclave::{Enclave, policy_of, policy_of_pcr0, vault};
use crate::support::environment;
use crate::support::host::Host;
use crate::support::image::{self, Parts};
use crate::support::machine::{Machine, Settings};
use crate::support::probe::ask;
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("cuts::between_the_ramdisks_change_nothing", between_the_ramdisks_change_nothing),
        trial("cuts::inside_of_the_runtime_start_nothing", inside_of_the_runtime_start_nothing),
        trial("cuts::before_a_hidden_archive_start_that", before_a_hidden_archive_start_that),
    ]
}

/// The kernel has the same bytes, and PCR0 says so; PCR1 and PCR2 say where they were cut.
async fn between_the_ramdisks_change_nothing() {
    let served = environment::image("served");
    let mut parts = Parts::of(&served);
    // In the middle of an entry, and of a word.
    let moved: Vec<u8> = parts.ramdisks[1].drain(..1001).collect();
    parts.ramdisks[0].extend(moved);
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("cut.eif");
    let (cut, whole) = (parts.write(&image), image::measurements(&served));
    assert_eq!(cut.pcr0, whole.pcr0);
    assert!(cut.pcr1 != whole.pcr1 && cut.pcr2 != whole.pcr2);

    let enclave = Enclave::boot_with(&image, BlobStore::default()).await;
    let greeted = enclave.greeted().await;
    let read = [0, 1, 2].map(|index| register(&greeted.document, index));
    assert_eq!(read, [cut.pcr0, cut.pcr1, cut.pcr2]);
    let signed = enclave.signer.sign(&greeted.document);
    let judge = |policy: &Policy| greeted.judge(&signed, &enclave.signer.roots, policy).map(drop);
    let error = judge(&policy_of(&served)).unwrap_err();
    assert!(matches!(*error, Error::PcrMismatch { index: 1, .. }), "{error:?}");
    judge(&policy_of_pcr0(&served)).unwrap();
}

/// The runtime has the command line in it, to compare the kernel's with. Cut there, the image has the same
/// registers and that very command line; what comes behind it is no archive.
async fn inside_of_the_runtime_start_nothing() {
    let served = environment::image("served");
    let mut parts = Parts::of(&served);
    cut_at_the_command_line_in(0, &mut parts);
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("cut.eif");
    let (cut, whole) = (parts.write(&image), image::measurements(&served));
    assert_eq!((cut.pcr0, cut.pcr1, cut.pcr2), (whole.pcr0, whole.pcr1, whole.pcr2));

    let host = Host::listen(folder.path(), &BlobStore::default(), Host::instructions(&vault()));
    let machine = Machine::start(folder, &image, Settings::default()).await;
    let console = machine.console();
    assert!(console.contains("Initramfs unpacking failed: invalid magic"), "{console}");
    assert!(console.contains("Kernel panic"), "{console}");
    assert_eq!((host.beats(), host.lines()), (0, vec![]));
}

/// A file that nobody runs holds the command line, and an archive with another first program behind it.
async fn before_a_hidden_archive_start_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    image::of_platform(
        &environment::image("served"),
        &path("platform.eif"),
        &hiding_the_probe(&path("probe.eif")),
    );
    let whole = image::measurements(&path("platform.eif"));
    let mut parts = Parts::of(&path("platform.eif"));
    cut_at_the_command_line_in(1, &mut parts);
    let image = path("cut.eif");
    let cut = parts.write(&image);
    assert_eq!(cut.pcr0, whole.pcr0);
    assert!(cut.pcr1 != whole.pcr1 && cut.pcr2 != whole.pcr2);

    let machine = Machine::start(folder, &image, Settings { memory: 256, ..Settings::default() }).await;
    let module: Value = ask(&machine, "module").await;
    let read: Vec<Vec<u8>> = serde_json::from_value(module["before"].clone()).unwrap();
    assert_eq!(read[..3], [cut.pcr0, cut.pcr1, cut.pcr2]);
}

/// A file's content: the command line, and the archive of an image whose first program is the probe.
fn hiding_the_probe(probe: &Path) -> Vec<u8> {
    image::of_probe(probe);
    let line = Parts::of(&environment::image("served")).command_line;
    [line.as_bytes(), &Parts::of(probe).ramdisks[0]].concat()
}

/// The command line becomes the one that is in a ramdisk, and the kernel has all that was before.
fn cut_at_the_command_line_in(ramdisk: usize, parts: &mut Parts) {
    let line = parts.command_line.as_bytes();
    let mut rest = parts.ramdisks.split_off(ramdisk);
    parts.kernel.extend(line);
    parts.kernel.extend(parts.ramdisks.drain(..).flatten());
    let place = rest[0].windows(line.len()).position(|bytes| bytes == line).unwrap();
    parts.kernel.extend(rest[0].drain(..place));
    rest[0].drain(..line.len());
    parts.ramdisks = rest;
}
