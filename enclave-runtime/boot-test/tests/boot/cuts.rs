//! Images that are cut elsewhere into kernel, command line and ramdisks. Lengths are not measured: what is
//! gained by that, and which registers tell (`docs/spec/enclave.md`, where one part ends).

use std::path::Path;

use cape_core::attest::{Error, Policy};
use cape_eif::Measurements;
use cape_kms_double::register;
use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::blob_store::BlobStore;
use crate::support::enclave::{Enclave, policy_of, policy_of_pcr0, vault};
use crate::support::environment;
use crate::support::host::Host;
use crate::support::image::{self, Parts};
use crate::support::machine::{Machine, Settings};
use crate::support::probe::ask;
use crate::trial;

/// A command line that no image of Cape has.
const OTHER_LINE: &str = "reboot=k panic=1 console=ttyS0";
/// A multiple of four bytes, behind which the next entry begins at once: kernels look for one at such places.
const OTHER_PROGRAM: &str = "reboot=k panic=30 console=ttyS0 rdinit=/rootfs/file\n";

/// What kernels know compressed archives by (`lib/decompress.c`).
const COMPRESSED: [(&str, &[u8]); 7] = [
    ("gzip", b"\x1f\x8b"),
    ("bzip2", b"BZ"),
    ("lzma", b"\x5d\x00"),
    ("xz", b"\xfd7"),
    ("lzo", b"\x89L"),
    ("lz4", b"\x02\x21"),
    ("zstd", b"\x28\xb5"),
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("cuts::between_the_ramdisks_change_nothing", between_the_ramdisks_change_nothing),
        trial("cuts::inside_of_the_runtime_start_nothing", inside_of_the_runtime_start_nothing),
        trial("cuts::before_a_hidden_archive_start_that", before_a_hidden_archive_start_that),
        trial("cuts::before_a_compressed_archive_start_nothing", before_a_compressed_archive_start_nothing),
        trial("cuts::behind_a_first_programs_name_start_that", behind_a_first_programs_name_start_that),
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
    cut_at(&parts.command_line.clone(), 0, &mut parts);
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

/// A file that nobody runs holds an archive with another first program, and before it any text.
async fn before_a_hidden_archive_start_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    image::of_probe(&path("probe.eif"));
    let hidden = Parts::of(&path("probe.eif")).ramdisks.remove(0);
    let file = [OTHER_LINE.as_bytes(), &hidden].concat();
    image::of_platform(&environment::image("served"), &path("platform.eif"), &file);
    let whole = image::measurements(&path("platform.eif"));
    let mut parts = Parts::of(&path("platform.eif"));
    cut_at(OTHER_LINE, 1, &mut parts);
    let image = path("cut.eif");
    let cut = parts.write(&image);
    assert_eq!(cut.pcr0, whole.pcr0);
    assert!(cut.pcr1 != whole.pcr1 && cut.pcr2 != whole.pcr2);
    started_the_probe(folder, &image, &cut).await;
}

/// The kernel unpacks nothing that is compressed, by whatever it knows that it is.
async fn before_a_compressed_archive_start_nothing() {
    for (method, begins) in COMPRESSED {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let file = [OTHER_LINE.as_bytes(), begins, &[0; 64]].concat();
        image::of_platform(&environment::image("served"), &path("platform.eif"), &file);
        let mut parts = Parts::of(&path("platform.eif"));
        cut_at(OTHER_LINE, 1, &mut parts);
        let image = path("cut.eif");
        parts.write(&image);
        let machine = Machine::start(folder, &image, Settings { memory: 256, ..Settings::default() }).await;
        let console = machine.console();
        assert!(console.contains(&format!("compression method {method} not configured")), "{console}");
        assert!(console.contains("Kernel panic"), "{console}");
    }
}

/// Settings hold the name of another first program, behind which all other files are.
async fn behind_a_first_programs_name_start_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    image::of_program_in_settings(&environment::image("served"), &path("whole.eif"), OTHER_PROGRAM);
    let whole = image::measurements(&path("whole.eif"));
    let mut parts = Parts::of(&path("whole.eif"));
    cut_at(OTHER_PROGRAM, 0, &mut parts);
    let image = path("cut.eif");
    let cut = parts.write(&image);
    assert_eq!((&cut.pcr0, &cut.pcr1, &cut.pcr2), (&whole.pcr0, &whole.pcr1, &whole.pcr2));
    started_the_probe(folder, &image, &cut).await;
}

async fn started_the_probe(folder: TempDir, image: &Path, cut: &Measurements) {
    let machine = Machine::start(folder, image, Settings { memory: 256, ..Settings::default() }).await;
    let module: Value = ask(&machine, "module").await;
    let read: Vec<Vec<u8>> = serde_json::from_value(module["before"].clone()).unwrap();
    assert_eq!(read[..3], [cut.pcr0, cut.pcr1, cut.pcr2]);
}

/// The command line becomes a text that is in a ramdisk, and the kernel has all that was before.
fn cut_at(line: &str, ramdisk: usize, parts: &mut Parts) {
    let mut rest = parts.ramdisks.split_off(ramdisk);
    parts.kernel.extend(parts.command_line.as_bytes());
    parts.kernel.extend(parts.ramdisks.drain(..).flatten());
    let place = rest[0].windows(line.len()).position(|bytes| bytes == line.as_bytes()).unwrap();
    parts.kernel.extend(rest[0].drain(..place));
    rest[0].drain(..line.len());
    parts.command_line = line.to_owned();
    parts.ramdisks = rest;
}
