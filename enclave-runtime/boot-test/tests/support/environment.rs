//! What `run` has built, each in a variable of the environment.

use std::path::PathBuf;

/// QEMU itself.
pub(crate) fn qemu() -> PathBuf {
    path("CAPE_BOOT_QEMU")
}

/// The folder of QEMU's firmware.
pub(crate) fn firmware() -> PathBuf {
    path("CAPE_BOOT_FIRMWARE")
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

fn path(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => path.into(),
        None => {
            panic!("{variable} is not set: `make image-test` builds what is booted, and says where it is")
        }
    }
}
