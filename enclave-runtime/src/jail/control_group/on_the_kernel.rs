//! What the groups are on the kernel itself. Where version 2 cannot be mounted, tests say so and skip.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ControlGroups;
use super::mounted::{Process, eventually, remove_all, with_version_2};

#[test]
fn the_runtime_moves_to_its_own_group() {
    with_version_2(|mounted| {
        let (runtime, mut groups) = mounted.runtime();
        let own = format!("cape-runtime-{}", runtime.id());
        assert_eq!(mounted.names(), [&*own]);
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
        // A process leaves its group a moment before it has ended.
        eventually("the dead one's worker ends", || !workers[0].is_running());
        assert!(workers[1].is_running());
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

fn processes(group: &Path) -> Vec<u32> {
    let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap();
    processes.lines().map(|process| process.parse().unwrap()).collect()
}
