//! The root that functions have: a tree of read-only mounts, put together once by the runtime in its
//! own mount namespace, which each worker then makes its root.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::process::{chdir, getegid, geteuid, pivot_root};
use rustix::thread::UnshareFlags;

use super::mounts::{Attributes, bind, set_attributes_at};
use super::namespaces::unshare;
use super::user::SEEN;
use crate::c_library::LOADER;
use crate::python::Python;

/// Where a function's bundle is.
pub(crate) const FUNCTION: &str = "/function";

/// Where byte-compiled modules are.
pub(crate) const PYCACHE: &str = "/pycache";

/// Where the module is that runs functions.
pub(crate) const SHIM: &str = "/shim";

/// Where a function may write.
pub(crate) const SCRATCH: &str = "/tmp";

/// Not `zero`: mapped, it is memory that processes share, and that no limit counts.
const DEVICES: [&str; 3] = ["/dev/null", "/dev/full", "/dev/urandom"];

/// What numerical libraries read to learn of the processor. They get copies: the kernel's own files
/// are not there.
const PROCESSOR_FILES: [&str; 4] = [
    "/proc/cpuinfo",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/possible",
    "/sys/devices/system/cpu/present",
];

/// Bytes and files of the tree itself, mounts not counted.
const TREE: &str = "mode=0755,size=4m,nr_inodes=4k";

/// Files and folders that one worker may have in its [`SCRATCH`].
const SCRATCH_FILES: u32 = 65_536;

/// Builds the tree in `folder`, which only a mount namespace of the runtime's own sees: the
/// interpreter with its library and those of the system, `shim` that runs functions on it, and
/// `pycache` for what is compiled of them.
pub(crate) fn build(folder: &Path, python: &Python, shim: &Path, pycache: &Path) -> io::Result<()> {
    mount_memory(folder, TREE)?;
    let tree = Tree { root: folder };
    for name in [FUNCTION, SCRATCH] {
        fs::create_dir(tree.inside(Path::new(name)))?;
    }
    tree.show(&python.executable, Attributes::READ_ONLY)?;
    tree.show(&python.standard_library, Attributes::READ_ONLY)?;
    tree.hide_others_packages(&python.standard_library)?;
    for library in python.shared_libraries()? {
        tree.show(&library, Attributes::READ_ONLY)?;
    }
    tree.show(Path::new(LOADER), Attributes::READ_ONLY)?;
    tree.show(&python.c_library.folder, Attributes::READ_ONLY)?;
    tree.show_if_there(Path::new("/etc/ld.so.cache"))?;
    for device in DEVICES {
        tree.show(Path::new(device), Attributes::DEVICE)?;
    }
    // What is compiled of functions is seen in a place of its own in there.
    fs::create_dir_all(inside(pycache, Path::new(FUNCTION)))?;
    for (own, seen_at) in [(pycache, PYCACHE), (shim, SHIM)] {
        let seen_at = tree.inside(Path::new(seen_at));
        fs::create_dir(&seen_at)?;
        bind(own, &seen_at, Attributes::READ_ONLY)?;
    }
    tree.write(Path::new("/etc/passwd"), &format!("function:x:{SEEN}:{SEEN}::{SCRATCH}:\n"))?;
    tree.write(Path::new("/etc/group"), &format!("function:x:{SEEN}:\n"))?;
    for path in PROCESSOR_FILES {
        if let Ok(content) = fs::read_to_string(path) {
            tree.write(Path::new(path), &content)?;
        }
    }
    mount_change(folder, MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    set_attributes_at(folder, Attributes::READ_ONLY)
}

/// Makes the tree the root of the calling process, in a mount namespace of its own, with a
/// [`SCRATCH`] of at most `scratch_bytes` that belongs to `user`.
pub(super) fn enter(folder: &Path, user: Option<u32>, scratch_bytes: u64) -> io::Result<()> {
    unshare(UnshareFlags::NEWNS)?;
    let scratch = inside(folder, Path::new(SCRATCH));
    let (user, group) = match user {
        Some(number) => (number, number),
        None => (geteuid().as_raw(), getegid().as_raw()),
    };
    let options = format!("mode=0700,uid={user},gid={group},size={scratch_bytes},nr_inodes={SCRATCH_FILES}");
    mount_memory(&scratch, &options)?;
    chdir(folder)?;
    // Both at one place: the old root comes to lie over the new one (pivot_root(2)).
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    Ok(chdir("/")?)
}

/// Where an absolute path is beneath another root.
pub(crate) fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn mount_memory(folder: &Path, options: &str) -> io::Result<()> {
    let options = CString::new(options)?;
    mount("function", folder, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())?;
    Ok(())
}

/// The tree while it is put together.
struct Tree<'a> {
    root: &'a Path,
}

impl Tree<'_> {
    fn inside(&self, path: &Path) -> PathBuf {
        inside(self.root, path)
    }

    /// Shows a file or folder of the machine at its own place.
    fn show(&self, path: &Path, attributes: Attributes) -> io::Result<()> {
        let shown = (|| {
            let path = self.resolve(path)?;
            let target = self.inside(&path);
            if target.symlink_metadata().is_err() {
                if path.is_dir() {
                    fs::create_dir(&target)?;
                } else {
                    File::create_new(&target)?;
                }
            }
            bind(&path, &target, attributes)
        })();
        shown.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    fn show_if_there(&self, path: &Path) -> io::Result<()> {
        if path.exists() { self.show(path, Attributes::READ_ONLY) } else { Ok(()) }
    }

    fn write(&self, path: &Path, content: &str) -> io::Result<()> {
        let path = self.inside(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, content)
    }

    /// Covers what was installed beside the standard library: it is not part of it.
    fn hide_others_packages(&self, standard_library: &Path) -> io::Result<()> {
        for name in ["site-packages", "dist-packages"] {
            let path = standard_library.join(name);
            if path.is_dir() {
                mount_memory(&self.inside(&path), "mode=0755,size=4k,nr_inodes=2")?;
                set_attributes_at(&self.inside(&path), Attributes::READ_ONLY)?;
            }
        }
        Ok(())
    }

    /// The path with its folders made in the tree, and its symbolic links there as they are outside;
    /// returns where they lead.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let mut resolved = PathBuf::from("/");
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let here = resolved.join(name);
            self.make_folders(&resolved)?;
            match fs::read_link(&here) {
                Ok(target) => {
                    let inside = self.inside(&here);
                    if inside.symlink_metadata().is_err() {
                        symlink(&target, inside)?;
                    }
                    // What is behind the link may have links of its own.
                    resolved = self.resolve(&normal(&resolved.join(target)))?;
                }
                Err(_) => resolved = here,
            }
        }
        Ok(resolved)
    }

    fn make_folders(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(self.inside(path))
    }
}

/// The path without `.` and `..`; its folders are no links.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::from("/"), |mut normal, component| {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
        normal
    })
}
