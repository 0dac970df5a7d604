//! A booted image of the runtime, its host, and the way to clients of it.

use std::collections::BTreeMap;
use std::path::Path;

use cape_core::attest::{Policy, Release, TrustRoots};
use cape_core::crypto::Secret;
use cape_core::encoding::hex;
use cape_core::identity::Vault;
use cape_kms_double::InsecureSigner;
use serde_json::Value;

use super::blob_store::BlobStore;
use super::host::Host;
use super::machine::{Machine, Settings};
use super::session::{Client, Greeted};
use super::{Platform, environment, image};

const SESSIONS: u32 = 7000;

/// An enclave that serves.
pub(crate) struct Enclave {
    pub(crate) machine: Machine,
    pub(crate) host: Host,
    pub(crate) blobs: BlobStore,
    pub(crate) policy: Policy,
    pub(crate) signer: InsecureSigner,
    pub(crate) ready: Value,
}

impl Enclave {
    /// Boots an image by its name, with an empty store.
    pub(crate) async fn boot(name: &str) -> Self {
        Self::boot_with(&environment::image(name), BlobStore::default()).await
    }

    /// Boots an image whose host has these blobs.
    pub(crate) async fn boot_with(image: &Path, blobs: BlobStore) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::listen(folder.path(), &blobs, Host::instructions(&vault()));
        Self::boot_in(folder, image, host, blobs).await
    }

    /// Boots an image beside a host that listens in the folder.
    pub(crate) async fn boot_in(
        folder: tempfile::TempDir,
        image: &Path,
        host: Host,
        blobs: BlobStore,
    ) -> Self {
        let machine = Machine::start(folder, image, settings_for(image)).await;
        let ready = machine.or_dead(host.heard("ready")).await;
        let policy = policy_of(image);
        Self { machine, host, blobs, policy, signer: InsecureSigner::new(), ready }
    }

    /// A connection whose enclave has said who it is.
    pub(crate) async fn greeted(&self) -> Greeted {
        Greeted::by(self.machine.connect_eventually(SESSIONS).await).await
    }

    /// A session with the enclave. What it says of itself is refused as it came, and judged as it would
    /// be had its security module signed it.
    pub(crate) async fn client(&self) -> Client {
        let greeted = self.greeted().await;
        greeted.judge(&greeted.document, &TrustRoots::aws(), &self.policy).unwrap_err();
        let signed = self.signer.sign(&greeted.document);
        let attestation = greeted.judge(&signed, &self.signer.roots, &self.policy).unwrap();
        greeted.go_on(attestation)
    }

    /// What functions are packed for.
    pub(crate) async fn platform(&self) -> Platform {
        let description = self.client().await.describe().await;
        Platform { python_version: description.python, platform: description.platform }
    }
}

/// Enough memory for an image: while it is unpacked it is there twice, and files have half of the memory.
fn settings_for(image: &Path) -> Settings {
    let usual = Settings::default();
    let size = std::fs::metadata(image).unwrap().len() >> 20;
    Settings { memory: usual.memory.max(4 * u32::try_from(size).unwrap()), ..usual }
}

/// The id of the vault that the images have.
pub(crate) fn vault() -> [u8; 32] {
    let digits = std::fs::read_to_string(environment::vault_key()).unwrap();
    let mut secret: [u8; 32] = hex::decode_array(digits.trim()).unwrap();
    Vault::new(Secret::take(&mut secret)).id()
}

/// The policy of who pins an image.
pub(crate) fn policy_of(image: &Path) -> Policy {
    policy_for(image, &vault())
}

/// The same with another vault.
pub(crate) fn policy_for(image: &Path, vault: &[u8; 32]) -> Policy {
    let measured = image::measurements(image);
    policy(BTreeMap::from([(0, measured.pcr0), (1, measured.pcr1), (2, measured.pcr2)]), vault)
}

/// The policy of who pins all of an image, and not where its parts begin.
pub(crate) fn policy_of_pcr0(image: &Path) -> Policy {
    policy(BTreeMap::from([(0, image::measurements(image).pcr0)]), &vault())
}

fn policy(pcrs: BTreeMap<u8, [u8; 48]>, vault: &[u8; 32]) -> Policy {
    let release = Release { name: "booted".into(), pcrs, vault: Some(*vault), not_after: None };
    Policy::new(vec![release]).unwrap()
}
