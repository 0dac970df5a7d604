//! The file systems of an enclave, and its root.
//!
//! The kernel unpacks an image into its first file system, of which no process can take leave and in
//! which nobody may have namespaces of their own. So the folder with the image's files becomes the root:
//! bound to itself it is a mount, and that is moved to where the first one is.

use std::ffi::CString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::Path;

use rustix::mount::{MountFlags, mount, mount_bind, mount_move, mount_remount};
use rustix::process::{chdir, chroot};

/// The folder with the image's files.
pub(super) const ROOT: &str = "/rootfs";

/// The kernel's command line, before the root is entered.
pub(super) const ROOT_COMMAND_LINE: &str = "/rootfs/proc/cmdline";

/// What is mounted below the root.
struct FileSystem {
    place: &'static str,
    kind: &'static str,
    /// Beyond [`MountFlags::NOSUID`], which all have.
    flags: MountFlags,
    options: &'static str,
}

const FILE_SYSTEMS: [FileSystem; 7] = [
    FileSystem { place: "dev", kind: "devtmpfs", flags: MountFlags::NOEXEC, options: "mode=0755" },
    FileSystem { place: "dev/shm", kind: "tmpfs", flags: DATA, options: "mode=1777" },
    FileSystem { place: "proc", kind: "proc", flags: DATA, options: "" },
    FileSystem { place: "sys", kind: "sysfs", flags: DATA.union(MountFlags::RDONLY), options: "" },
    FileSystem { place: "sys/fs/cgroup", kind: "cgroup2", flags: DATA, options: "" },
    FileSystem { place: "run", kind: "tmpfs", flags: MountFlags::NODEV, options: "mode=0755" },
    FileSystem { place: "tmp", kind: "tmpfs", flags: MountFlags::NODEV, options: "mode=1777" },
];

/// Nothing in it is a program or a device.
const DATA: MountFlags = MountFlags::NODEV.union(MountFlags::NOEXEC);

/// What programs expect beside the devices.
const LINKS: [(&str, &str); 4] = [
    ("/proc/self/fd", "dev/fd"),
    ("/proc/self/fd/0", "dev/stdin"),
    ("/proc/self/fd/1", "dev/stdout"),
    ("/proc/self/fd/2", "dev/stderr"),
];

/// Makes a mount of `root`, and mounts the kernel's file systems and memory below it.
pub(super) fn mount_below(root: &Path) -> io::Result<()> {
    mount_bind(root, root)?;
    for FileSystem { place, kind, flags, options } in FILE_SYSTEMS {
        let (path, options) = (root.join(place), CString::new(options)?);
        let mounted = DirBuilder::new()
            .mode(0o755)
            .recursive(true)
            .create(&path)
            .and_then(|()| Ok(mount(kind, &path, kind, MountFlags::NOSUID | flags, options.as_c_str())?));
        mounted.map_err(|error| io::Error::new(error.kind(), format!("/{place}: {error}")))?;
    }
    for (target, place) in LINKS {
        let path = root.join(place);
        if fs::symlink_metadata(&path).is_err() {
            symlink(target, &path)?;
        }
    }
    Ok(())
}

/// Makes `root` the root of this process and of all that it starts. Without the right to write, files
/// stay what was measured.
pub(super) fn enter(root: &Path, writable: bool) -> io::Result<()> {
    if !writable {
        let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
        mount_remount(root, flags, "")?;
    }
    chdir(root)?;
    mount_move(".", "/")?;
    chroot(".")?;
    Ok(chdir("/")?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use rustix::mount::{MountPropagationFlags, mount_change};
    use rustix::thread::UnshareFlags;

    use super::*;

    /// Runs a test on a thread with mounts of its own, in a root that has but an empty folder.
    fn with_root(test: impl FnOnce(&Path) + Send + 'static) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let own = UnshareFlags::NEWNS | UnshareFlags::FS;
        let thread = std::thread::spawn(move || {
            // SAFETY: descriptors stay what they are.
            if let Err(error) = unsafe { rustix::thread::unshare_unsafe(own) } {
                return eprintln!("skipped: no mount namespace: {error}");
            }
            mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
            if let Err(error) = mount_below(&root) {
                return eprintln!("skipped: not every file system can be mounted here: {error}");
            }
            test(&root);
        });
        thread.join().unwrap();
    }

    /// The kind and the flags of what is mounted at each place, the topmost.
    fn mounts() -> BTreeMap<String, (String, String)> {
        let of_line = |line: &str| {
            let (mount, file_system) = line.split_once(" - ")?;
            let words: Vec<&str> = mount.split(' ').collect();
            let flags = words.get(5)?.replace(",relatime", "");
            Some((words.get(4)?.to_string(), (file_system.split(' ').next()?.to_owned(), flags)))
        };
        let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        mounts.lines().filter_map(of_line).collect()
    }

    #[test]
    fn the_kernels_file_systems_and_memory_are_there() {
        with_root(|root| {
            enter(root, true).unwrap();
            let mounts = mounts();
            for (place, kind, flags) in [
                ("/dev", "devtmpfs", "rw,nosuid,noexec"),
                ("/dev/shm", "tmpfs", "rw,nosuid,nodev,noexec"),
                ("/proc", "proc", "rw,nosuid,nodev,noexec"),
                ("/sys", "sysfs", "ro,nosuid,nodev,noexec"),
                ("/sys/fs/cgroup", "cgroup2", "rw,nosuid,nodev,noexec"),
                ("/run", "tmpfs", "rw,nosuid,nodev"),
                ("/tmp", "tmpfs", "rw,nosuid,nodev"),
            ] {
                assert_eq!(mounts[place], (kind.to_owned(), flags.to_owned()), "{place}");
            }
            for (place, mode) in [("/dev", 0o755), ("/dev/shm", 0o1777), ("/run", 0o755), ("/tmp", 0o1777)] {
                let permissions = fs::metadata(place).unwrap().permissions();
                assert_eq!(permissions.mode() & 0o7777, mode, "{place}");
            }
            assert!(fs::metadata("/dev/null").is_ok());
            for (target, place) in LINKS {
                assert_eq!(fs::read_link(Path::new("/").join(place)).unwrap(), Path::new(target));
            }
            fs::write("/tmp/file", "x").unwrap();
            fs::write("/file", "x").unwrap();
        });
    }

    #[test]
    fn an_image_that_serves_functions_keeps_its_files() {
        with_root(|root| {
            fs::create_dir(root.join("etc")).unwrap();
            enter(root, false).unwrap();
            assert!(mounts()["/"].1.starts_with("ro,nosuid,nodev"), "{:?}", mounts()["/"]);
            for place in ["/file", "/etc/file"] {
                let error = fs::write(place, "x").unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::ReadOnlyFilesystem, "{place}");
            }
            for place in ["/tmp/file", "/run/file", "/dev/shm/file"] {
                fs::write(place, "x").unwrap();
            }
        });
    }

    /// A process in another root than its mount namespace's may have none of its own
    /// (user_namespaces(7)), so that it does not do to change the root alone.
    #[test]
    fn processes_in_there_may_have_user_namespaces() {
        with_root(|root| {
            if user_namespace() != io::ErrorKind::NotFound {
                return eprintln!("skipped: no user namespace: {}", user_namespace());
            }
            enter(root, false).unwrap();
            assert_eq!(user_namespace(), io::ErrorKind::NotFound);
            chroot("/tmp").unwrap();
            assert_eq!(user_namespace(), io::ErrorKind::PermissionDenied);
        });
    }

    /// Why a process does not begin that first enters a user namespace, and then is no program.
    fn user_namespace() -> io::ErrorKind {
        let mut program = Command::new("/no/such/program");
        // SAFETY: it is one system call, which leaves descriptors what they are.
        unsafe {
            program.pre_exec(|| Ok(rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER)?));
        }
        program.spawn().unwrap_err().kind()
    }
}
