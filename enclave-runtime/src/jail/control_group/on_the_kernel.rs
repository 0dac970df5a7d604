//! The groups on the kernel itself, in a hierarchy that only the test sees mounted.
//!
//! Mounting one takes root. Every mount shows the one hierarchy of the machine, so tests work below a
//! group of their own, and remove it whatever happens.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::thread::UnshareFlags;

use super::{ControlGroup, ControlGroups};
use crate::jail::unshare;

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the names of tests' own groups begin with, before the number of the test's process.
const TEST: &str = "cape-test-";

/// A hierarchy with a group for one test.
pub(crate) struct Mounted {
    point: tempfile::TempDir,
    /// The test's group.
    folder: PathBuf,
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
    fn process(&self) -> Process {
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

    fn groups(&self, runtime: &Process) -> Result<ControlGroups, String> {
        ControlGroups::below(self.folder.clone(), runtime.id(), &[])
    }

    /// Names of the groups below the test's.
    fn names(&self) -> Vec<String> {
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
pub(crate) struct Process(Child);

impl Process {
    fn id(&self) -> u32 {
        self.0.id()
    }

    fn is_running(&mut self) -> bool {
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
fn remove_all(group: &Path) {
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

fn processes(group: &Path) -> Vec<u32> {
    let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap();
    processes.lines().map(|process| process.parse().unwrap()).collect()
}

#[test]
fn the_runtime_moves_to_its_own_group() {
    with_version_2(|mounted| {
        let (runtime, mut groups) = mounted.runtime();
        let own = format!("cape-runtime-{}", runtime.id());
        assert_eq!(mounted.names(), [own.clone()]);
        assert_eq!(processes(&mounted.folder), [0; 0]);
        assert_eq!(processes(&mounted.folder.join(own)), [runtime.id()]);
        let (one, other) = (groups.unlimited(), groups.unlimited());
        assert_ne!(one.folder, other.folder);
        assert_eq!(mounted.names().len(), 3);
    });
}

/// A group that passes controllers on has no processes (cgroups(7), "no internal processes" rule).
#[test]
fn other_processes_beside_the_runtime_are_named_and_all_stays_as_it_was() {
    with_version_2(|mounted| {
        let Some(passed_on) = PassedOn::from(mounted.point.path()) else {
            return eprintln!("skipped: version 2 has no controller here");
        };
        let (runtime, mut other) = (mounted.process(), mounted.process());
        let below = || ControlGroups::below(mounted.folder.clone(), runtime.id(), &[&*passed_on.controller]);
        let reason = below().unwrap_err();
        assert!(reason.starts_with("other processes are in the runtime's control group, "), "{reason}");
        assert_eq!(mounted.names(), [""; 0]);
        let found: BTreeSet<u32> = processes(&mounted.folder).into_iter().collect();
        assert_eq!(found, BTreeSet::from([runtime.id(), other.id()]));
        assert!(other.is_running());

        drop(other);
        below().unwrap();
        let subtree = fs::read_to_string(mounted.folder.join("cgroup.subtree_control")).unwrap();
        assert_eq!(subtree.trim_end(), passed_on.controller);
        remove_all(&mounted.folder);
    });
}

/// A controller that the topmost group passes on; no more when dropped, if it did not before.
struct PassedOn {
    controller: String,
    subtree: PathBuf,
    before: bool,
}

impl PassedOn {
    /// The one that is least used elsewhere.
    fn from(top: &Path) -> Option<Self> {
        let subtree = top.join("cgroup.subtree_control");
        let there = |path: &Path, controller: &str| {
            fs::read_to_string(path).unwrap().split_whitespace().any(|there| there == controller)
        };
        let controllers = top.join("cgroup.controllers");
        let controller =
            ["hugetlb", "misc", "pids", "memory"].into_iter().find(|name| there(&controllers, name))?;
        let before = there(&subtree, controller);
        let passed_on = Self { controller: controller.to_owned(), before, subtree };
        fs::write(&passed_on.subtree, format!("+{controller}")).unwrap();
        Some(passed_on)
    }
}

impl Drop for PassedOn {
    fn drop(&mut self) {
        if !self.before {
            let _ = fs::write(&self.subtree, format!("-{}", self.controller));
        }
    }
}

#[test]
fn a_group_is_removed_whichever_thread_drops_it() {
    with_version_2(|mounted| {
        let (_runtime, mut groups) = mounted.runtime();
        let mut worker = Process(Command::new("sleep").arg("600").spawn().unwrap());
        let group = groups.unlimited();
        fs::write(group.folder.join("cgroup.procs"), worker.id().to_string()).unwrap();
        // As on the thread that starts workers, there is no Tokio here.
        drop(group);
        eventually("the group is removed", || mounted.names().len() == 1);
        assert!(!worker.is_running());
    });
}

#[test]
fn what_a_killed_runtime_left_is_removed_by_the_next_and_a_living_ones_is_not() {
    with_version_2(|mounted| {
        let (mut dead, living, next) = (mounted.process(), mounted.process(), mounted.process());
        let mut workers = Vec::new();
        let mut groups = Vec::new();
        for runtime in [&dead, &living] {
            let group = mounted.groups(runtime).unwrap().unlimited();
            let worker = Process(Command::new("sleep").arg("600").spawn().unwrap());
            fs::write(group.folder.join("cgroup.procs"), worker.id().to_string()).unwrap();
            workers.push(worker);
            groups.push(group);
        }
        // Not a runtime's, so nobody's business.
        fs::create_dir(mounted.folder.join("worker-1-1")).unwrap();
        dead.0.kill().unwrap();
        dead.0.wait().unwrap();
        let events = mounted.folder.join(format!("cape-runtime-{}/cgroup.events", dead.id()));
        eventually("its process is gone", || fs::read_to_string(&events).unwrap().contains("populated 0"));

        mounted.groups(&next).unwrap();
        let mut expected = vec![
            format!("cape-runtime-{}", living.id()),
            format!("cape-runtime-{}", next.id()),
            format!("cape-worker-{}-1", living.id()),
            "worker-1-1".to_owned(),
        ];
        expected.sort();
        assert_eq!(mounted.names(), expected);
        let running: Vec<bool> = workers.iter_mut().map(Process::is_running).collect();
        assert_eq!(running, [false, true]);
    });
}

#[test]
fn a_group_of_a_living_runtime_with_the_same_number_is_not_taken() {
    with_version_2(|mounted| {
        let (runtime, _groups) = mounted.runtime();
        let reason = mounted.groups(&runtime).unwrap_err();
        assert!(reason.contains(&format!("cape-runtime-{}: ", runtime.id())), "{reason}");
        assert_eq!(processes(&mounted.folder.join(format!("cape-runtime-{}", runtime.id()))), [runtime.id()]);
    });
}
