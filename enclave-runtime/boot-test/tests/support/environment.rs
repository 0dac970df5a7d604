//! What `run` has built, each in a variable of the environment.

use std::path::PathBuf;

/// QEMU itself.
pub(crate) fn qemu() -> PathBuf {
    path("CAPE_BOOT_QEMU")
}

/// The kernel of enclaves.
pub(crate) fn kernel() -> PathBuf {
    path("CAPE_BOOT_KERNEL")
}

/// `probe`, linked statically.
pub(crate) fn probe() -> PathBuf {
    path("CAPE_BOOT_PROBE")
}

/// An image of the runtime by its name.
pub(crate) fn image(name: &str) -> PathBuf {
    path("CAPE_BOOT_IMAGES").join(format!("{name}.eif"))
}

/// The secret of the vault that the images have.
pub(crate) fn vault_key() -> PathBuf {
    path("CAPE_BOOT_IMAGES").join("vault.key")
}

/// The key of the authority that images take KMS's certificate from.
pub(crate) fn kms_root() -> PathBuf {
    path("CAPE_BOOT_IMAGES").join("kms-root.key")
}

/// A policy of KMS's key, as `cape vault policy` wrote it for images.
pub(crate) fn key_policy(name: &str) -> PathBuf {
    path("CAPE_BOOT_IMAGES").join(format!("{name}.policy.json"))
}

fn path(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => path.into(),
        None => {
            panic!("{variable} is not set: `make image-test` builds what is booted, and says where it is")
        }
    }
}
