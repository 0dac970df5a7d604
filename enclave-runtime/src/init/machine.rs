//! What processes find set: names, limits, and what the kernel lets them do.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit, umask};
use rustix::system::sethostname;

use super::{failed, loopback};
use crate::error::StartError;

const HOST_NAME: &[u8] = b"enclave";

/// Descriptors that one process may have: each connection and each worker takes one.
const DESCRIPTORS: u64 = 1 << 20;

/// The kernel's settings (sysctl(8)). One that a kernel does not have has nothing to be set.
const SETTINGS: [(&str, &str); 5] = [
    ("/proc/sys/fs/protected_fifos", "2"),
    ("/proc/sys/fs/protected_hardlinks", "1"),
    ("/proc/sys/fs/protected_regular", "2"),
    ("/proc/sys/fs/protected_symlinks", "1"),
    ("/proc/sys/kernel/kptr_restrict", "2"),
];

/// Sets all of it, and brings the loopback interface up.
pub(super) fn set_up() -> Result<(), StartError> {
    umask(Mode::from_raw_mode(0o022));
    sethostname(HOST_NAME).map_err(failed("the host's name"))?;
    limit(Resource::Nofile, DESCRIPTORS)?;
    limit(Resource::Core, 0)?;
    for (path, value) in SETTINGS {
        set(Path::new(path), value).map_err(failed(path))?;
    }
    loopback::bring_up().map_err(failed("the loopback interface"))
}

fn limit(resource: Resource, value: u64) -> Result<(), StartError> {
    let limit = Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(resource, limit).map_err(failed("a limit of resources"))
}

fn set(path: &Path, value: &str) -> io::Result<()> {
    match fs::write(path, value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        set => set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_the_kernel_refuses_is_an_error_and_one_that_it_lacks_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let setting = folder.path().join("setting");
        fs::write(&setting, "0").unwrap();
        set(&setting, "2").unwrap();
        assert_eq!(fs::read_to_string(setting).unwrap(), "2");
        assert!(set(folder.path(), "2").is_err());
    }
}
