//! Control groups, version 2 (cgroups(7); the kernel's Documentation/admin-guide/cgroup-v2.rst): a
//! worker and all that it starts have one memory, one number of processes and one share of the
//! processors.

mod hierarchy;
mod leftovers;
#[cfg(test)]
pub(crate) mod mounted;
#[cfg(test)]
mod on_the_kernel;
mod processors;

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use hierarchy::Hierarchy;
pub(crate) use processors::Processors;

use rustix::process::Pid;

/// Controllers without which a group limits nothing.
const NEEDED: [&str; 2] = ["memory", "pids"];

/// What the runtime's share of the processors is beside a worker's, which is 100: enough that many
/// workers leave it some, and not so much that it starves one when it is busy itself.
const RUNTIME_WEIGHT: u64 = 1000;

/// The least share: of one that is to have what others leave.
const LEAST_WEIGHT: u64 = 1;

/// How often the runtime tries to move to its own group.
const MOVES: u32 = 10;

/// The group in which the runtime was started; the runtime's own and workers' are below it, since
/// one that has others below it can have no process.
#[derive(Debug)]
pub(crate) struct ControlGroups {
    folder: PathBuf,
    /// The process in whose name they are.
    runtime: u32,
    processors: Option<Processors>,
    created: u64,
}

/// A worker's group; removed, and whatever is in it killed, when dropped.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    folder: PathBuf,
    handle: File,
}

impl ControlGroups {
    /// Prepares the runtime's own group, for workers of so many processors each if that is limited;
    /// or says why it cannot have others below it.
    pub(crate) fn prepare(processors: Option<Processors>) -> Result<Self, String> {
        let groups = Hierarchy::find().and_then(|hierarchy| {
            let controllers = controllers(&hierarchy, processors)?;
            Self::below(hierarchy.own, std::process::id(), &controllers)
        });
        match processors {
            None => groups,
            Some(_) => groups
                .map(|groups| Self { processors, ..groups })
                .map_err(|reason| format!("{reason}; limits.processors_per_worker is not kept")),
        }
    }

    /// Moves the runtime to a group of its own below `folder`, and switches controllers on for all
    /// groups there.
    fn below(folder: PathBuf, runtime: u32, controllers: &[&str]) -> Result<Self, String> {
        leftovers::clear(&folder);
        let own = move_aside(&folder, runtime)?;
        if let Err(reason) = switch_on(&folder, &own, controllers) {
            // As it was before.
            let _ = fs::write(folder.join("cgroup.procs"), runtime.to_string());
            let _ = fs::remove_dir(&own);
            return Err(reason);
        }
        Ok(Self { folder, runtime, processors: None, created: 0 })
    }

    /// A new group of at most so many processes and threads.
    pub(crate) fn create(&mut self, processes: u64) -> io::Result<ControlGroup> {
        let group = self.next()?;
        group.write("pids.max", &processes.to_string())?;
        // One that runs out of memory ends as a whole, not by a process that the kernel picks.
        group.write("memory.oom.group", "1")?;
        if let Some(processors) = self.processors {
            group.write("cpu.max", &processors.cpu_max())?;
        }
        Ok(group)
    }

    fn next(&mut self) -> io::Result<ControlGroup> {
        self.created += 1;
        let folder = self.folder.join(leftovers::worker(self.runtime, self.created));
        fs::create_dir(&folder)?;
        Ok(ControlGroup { handle: File::open(&folder)?, folder })
    }
}

impl ControlGroup {
    /// For the start of a process in it (clone(2), CLONE_INTO_CGROUP).
    pub(crate) fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// Moves a process into it that has begun elsewhere.
    pub(crate) fn take_in(&self, process: Pid) -> io::Result<()> {
        self.write("cgroup.procs", &process.as_raw_nonzero().to_string())
    }

    /// Limits the memory of all that is in it; none of it goes to a swap space.
    pub(crate) fn limit_memory(&self, bytes: u64) -> io::Result<()> {
        self.write("memory.swap.max", "0")?;
        self.write("memory.max", &bytes.to_string())
    }

    /// Leaves the processors to others. Their groups share them first, whatever the priority of a process
    /// in a group is (sched(7)).
    pub(crate) fn give_way(&self) -> io::Result<()> {
        let weight = self.folder.join("cpu.weight");
        if weight.exists() { fs::write(weight, LEAST_WEIGHT.to_string()) } else { Ok(()) }
    }

    /// Whether the kernel has ended it for want of memory.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.folder.join("memory.events")).unwrap_or_default();
        let count = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.is_some_and(|count| count != "0")
    }

    fn write(&self, name: &str, value: &str) -> io::Result<()> {
        let path = self.folder.join(name);
        // Without a swap space the kernel has no file for it.
        if name == "memory.swap.max" && !path.exists() {
            return Ok(());
        }
        fs::write(path, value)
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        leftovers::end(std::mem::take(&mut self.folder));
    }
}

/// Those that have to be there, and others that are of use.
fn controllers(hierarchy: &Hierarchy, processors: Option<Processors>) -> Result<Vec<&'static str>, String> {
    let available = hierarchy.controllers()?;
    let needed = NEEDED.into_iter().chain(processors.map(|_| "cpu"));
    if let Some(missing) = needed.into_iter().find(|needed| !available.contains(needed)) {
        return Err(hierarchy.lack_of(missing));
    }
    Ok(NEEDED.into_iter().chain(["cpu"]).filter(|wanted| available.contains(wanted)).collect())
}

/// Returns the group that the runtime is in then.
fn move_aside(folder: &Path, runtime: u32) -> Result<PathBuf, String> {
    let own = folder.join(leftovers::runtime(runtime));
    let procs = own.join("cgroup.procs");
    let mut moved = Ok(());
    for _ in 0..MOVES {
        fs::create_dir(&own).map_err(|error| failed(&own, &error))?;
        moved = fs::write(&procs, runtime.to_string()).map_err(|error| failed(&procs, &error));
        // Another runtime that starts now may take it for a leftover before a process is in it.
        if moved.is_ok() || own.exists() {
            break;
        }
    }
    moved.map(|()| own)
}

fn switch_on(folder: &Path, runtime: &Path, controllers: &[&str]) -> Result<(), String> {
    let wanted = controllers.iter().map(|controller| format!("+{controller}")).collect::<Vec<_>>();
    let subtree = folder.join("cgroup.subtree_control");
    fs::write(&subtree, wanted.join(" ")).map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy => {
            format!("other processes are in the runtime's control group, {}", folder.display())
        }
        _ => failed(&subtree, &error),
    })?;
    if !controllers.contains(&"cpu") {
        return Ok(());
    }
    let weight = runtime.join("cpu.weight");
    fs::write(&weight, RUNTIME_WEIGHT.to_string()).map_err(|error| failed(&weight, &error))
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap()
    }

    #[test]
    fn the_runtime_moves_aside_and_workers_are_limited_together() {
        let folder = tempfile::tempdir().unwrap();
        let groups = ControlGroups::below(folder.path().to_owned(), 42, &["memory", "pids", "cpu"]).unwrap();
        assert_eq!(content(folder.path(), "cape-runtime-42/cgroup.procs"), "42");
        assert_eq!(content(folder.path(), "cgroup.subtree_control"), "+memory +pids +cpu");
        assert_eq!(content(folder.path(), "cape-runtime-42/cpu.weight"), "1000");
        let mut groups = ControlGroups { processors: Some(Processors::new(1.5).unwrap()), ..groups };
        let group = groups.create(64).unwrap();
        fs::write(group.folder.join("memory.swap.max"), "max").unwrap();
        group.limit_memory(1 << 20).unwrap();
        group.take_in(Pid::INIT).unwrap();
        for (name, value) in [
            ("cgroup.procs", "1"),
            ("pids.max", "64"),
            ("memory.oom.group", "1"),
            ("memory.max", "1048576"),
            ("memory.swap.max", "0"),
            ("cpu.max", "150000 100000"),
        ] {
            assert_eq!(content(&group.folder, name), value, "{name}");
        }
        assert_ne!(groups.create(64).unwrap().folder, group.folder);
    }

    #[test]
    fn without_a_limit_a_worker_may_use_all_processors() {
        let folder = tempfile::tempdir().unwrap();
        let mut groups = ControlGroups::below(folder.path().to_owned(), 42, &["memory", "pids"]).unwrap();
        assert!(!folder.path().join("cape-runtime-42/cpu.weight").exists());
        assert!(!groups.create(64).unwrap().folder.join("cpu.max").exists());
    }

    #[test]
    fn one_that_gives_way_has_the_least_share_where_there_are_shares() {
        let folder = tempfile::tempdir().unwrap();
        let group = ControlGroups::below(folder.path().to_owned(), 42, &NEEDED).unwrap().create(1).unwrap();
        let weight = group.folder.join("cpu.weight");
        group.give_way().unwrap();
        assert!(!weight.exists());
        fs::write(&weight, "100").unwrap();
        group.give_way().unwrap();
        assert_eq!(fs::read_to_string(weight).unwrap(), "1");
    }

    #[test]
    fn what_the_kernel_ended_is_told_from_what_it_did_not() {
        let folder = tempfile::tempdir().unwrap();
        let group = ControlGroups::below(folder.path().to_owned(), 42, &NEEDED).unwrap().create(1).unwrap();
        assert!(!group.ran_out_of_memory());
        for (count, ended) in [("0", false), ("2", true)] {
            fs::write(group.folder.join("memory.events"), format!("low 0\noom 1\noom_kill {count}\n"))
                .unwrap();
            assert_eq!(group.ran_out_of_memory(), ended);
        }
    }

    #[test]
    fn a_hierarchy_that_limits_nothing_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let hierarchy = Hierarchy {
            own: folder.path().to_owned(),
            top: folder.path().to_owned(),
            version_1: String::new(),
        };
        let one = Processors::new(1.0).unwrap();
        for (there, processors, expected) in [
            ("cpu memory", None, Err("version 2 has no controller pids here")),
            ("memory pids", Some(one), Err("version 2 has no controller cpu here")),
            ("cpuset memory pids", None, Ok(vec!["memory", "pids"])),
            ("cpu io memory pids", Some(one), Ok(vec!["memory", "pids", "cpu"])),
        ] {
            fs::write(folder.path().join("cgroup.controllers"), format!("{there}\n")).unwrap();
            assert_eq!(controllers(&hierarchy, processors), expected.map_err(str::to_owned), "{there}");
        }
    }
}
