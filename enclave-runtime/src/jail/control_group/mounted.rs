//! A hierarchy that only the test sees mounted.
//!
//! Mounting one takes root. Every mount shows the one hierarchy of the machine, so tests work below a
//! group of their own, and remove it whatever happens.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::thread::UnshareFlags;

use super::{ControlGroup, ControlGroups};
use crate::jail::namespaces::unshare;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the names of tests' own groups begin with, before the number of the test's process.
const TEST: &str = "cape-test-";

/// A hierarchy with a group for one test.
pub(crate) struct Mounted {
    pub(super) point: tempfile::TempDir,
    /// The test's group.
    pub(super) folder: PathBuf,
}

/// Runs a test on a thread that has a mount namespace of its own, with version 2 mounted there.
pub(crate) fn with_version_2(test: impl FnOnce(&Mounted) + Send + 'static) {
    let thread = std::thread::spawn(move || match Mounted::here() {
        Ok(mounted) => test(&mounted),
        Err(reason) => eprintln!("skipped: version 2 cannot be mounted here: {reason}"),
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

impl Mounted {
    fn here() -> std::io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        unshare(UnshareFlags::NEWNS | UnshareFlags::FS)?;
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        let point = tempfile::tempdir()?;
        mount("none", point.path(), "cgroup2", MountFlags::empty(), None)?;
        remove_what_killed_tests_left(point.path());
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = point.path().join(format!("{TEST}{}-{number}", std::process::id()));
        let mounted = Self { point, folder };
        fs::create_dir(&mounted.folder)?;
        Ok(mounted)
    }

    /// A process that is in the test's group and does nothing.
    pub(super) fn process(&self) -> Process {
        let process = Process(Command::new("sleep").arg("600").spawn().unwrap());
        fs::write(self.folder.join("cgroup.procs"), process.id().to_string()).unwrap();
        process
    }

    /// A process that stands for a runtime, and its groups; this one is not to be killed with them.
    pub(crate) fn runtime(&self) -> (Process, ControlGroups) {
        let process = self.process();
        let groups = self.groups(&process).unwrap();
        (process, groups)
    }

    pub(super) fn groups(&self, runtime: &Process) -> Result<ControlGroups, String> {
        ControlGroups::below(self.folder.clone(), runtime.id(), &[])
    }

    /// Names of the groups below the test's.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = below(&self.folder)
            .map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        remove_all(&self.folder);
        let _ = unmount(self.point.path(), UnmountFlags::DETACH);
    }
}

impl ControlGroups {
    /// A worker's group without limits, for which the controllers may be missing.
    pub(crate) fn unlimited(&mut self) -> ControlGroup {
        self.next().unwrap()
    }
}

impl ControlGroup {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Killed when dropped.
pub(crate) struct Process(pub(super) Child);

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for something to happen.
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn below(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir())
}

/// Kills what is in a group and below it, and removes all of them.
pub(super) fn remove_all(group: &Path) {
    let _ = fs::write(group.join("cgroup.kill"), "1");
    below(group).for_each(|group| remove_all(&group));
    let started = Instant::now();
    while fs::remove_dir(group).is_err() && group.exists() && started.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn remove_what_killed_tests_left(top: &Path) {
    for group in below(top) {
        let name = group.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let process =
            name.strip_prefix(TEST).and_then(|rest| rest.split_once('-')).map(|(process, _)| process);
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            remove_all(&group);
        }
    }
}
