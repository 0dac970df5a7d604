//! Control groups, version 2 (cgroups(7); the kernel's Documentation/admin-guide/cgroup-v2.rst): a
//! worker and all that it starts have one memory, one number of processes and one share of the
//! processor.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;

/// Controllers without which a group limits nothing.
const NEEDED: [&str; 2] = ["memory", "pids"];

/// The group that the runtime itself moves to: one that has others below it can have no process.
const RUNTIME: &str = "runtime";

/// How often the removal of a group is tried, and how long is waited in between: its processes have
/// to be gone.
const REMOVALS: u32 = 100;
const REMOVAL_PAUSE: Duration = Duration::from_millis(20);

/// The group in which the runtime was started; workers' are below it.
#[derive(Debug)]
pub(crate) struct ControlGroups {
    folder: PathBuf,
    created: u64,
}

/// A worker's group; removed, and whatever is in it killed, when dropped.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    folder: PathBuf,
    handle: File,
}

impl ControlGroups {
    /// Prepares the runtime's own group, or says why it cannot have others below it.
    pub(crate) fn prepare() -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
        let folder = own_folder(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?)
            .ok_or("there is no hierarchy of version 2")?;
        Self::below(folder, std::process::id())
    }

    fn below(folder: PathBuf, runtime: u32) -> Result<Self, String> {
        let failed = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
        let controllers = folder.join("cgroup.controllers");
        let available = fs::read_to_string(&controllers).map_err(|error| failed(&controllers, error))?;
        let available: Vec<&str> = available.split_whitespace().collect();
        if let Some(missing) = NEEDED.iter().find(|needed| !available.contains(needed)) {
            return Err(format!("version 2 has no controller {missing} here"));
        }
        let own = folder.join(RUNTIME);
        let procs = own.join("cgroup.procs");
        let subtree = folder.join("cgroup.subtree_control");
        let wanted = NEEDED.iter().chain(&["cpu"]).filter(|wanted| available.contains(wanted));
        let wanted = wanted.map(|controller| format!("+{controller}")).collect::<Vec<_>>().join(" ");
        fs::create_dir_all(&own).map_err(|error| failed(&own, error))?;
        fs::write(&procs, runtime.to_string()).map_err(|error| failed(&procs, error))?;
        fs::write(&subtree, wanted).map_err(|error| failed(&subtree, error))?;
        Ok(Self { folder, created: 0 })
    }

    /// A new group of at most so many processes and threads.
    pub(crate) fn create(&mut self, processes: u64) -> io::Result<ControlGroup> {
        self.created += 1;
        let folder = self.folder.join(format!("worker-{}-{}", std::process::id(), self.created));
        fs::create_dir(&folder)?;
        let group = ControlGroup { handle: File::open(&folder)?, folder };
        group.write("pids.max", &processes.to_string())?;
        // One that runs out of memory ends as a whole, not by a process that the kernel picks.
        group.write("memory.oom.group", "1")?;
        Ok(group)
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
        let _ = self.write("cgroup.kill", "1");
        let folder = std::mem::take(&mut self.folder);
        let remove = move || {
            for _ in 0..REMOVALS {
                match fs::remove_dir(&folder) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                        std::thread::sleep(REMOVAL_PAUSE);
                    }
                    _ => return,
                }
            }
            tracing::warn!("a worker's control group was not removed");
        };
        // When the runtime ends, whoever started it removes the whole.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(remove);
        }
    }
}

/// The folder of the group that a process is in, by its mountinfo (proc_pid_mountinfo(5)) and cgroup
/// files.
fn own_folder(mounts: &str, groups: &str) -> Option<PathBuf> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut fields = place.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (kind.starts_with("cgroup2 ") && root == "/").then(|| Path::new(point).join(group))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(controllers: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cgroup.controllers"), controllers).unwrap();
        folder
    }

    fn content(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap()
    }

    #[test]
    fn the_runtime_moves_aside_and_workers_are_limited_together() {
        let folder = hierarchy("cpuset cpu io memory pids\n");
        let mut groups = ControlGroups::below(folder.path().to_owned(), 42).unwrap();
        assert_eq!(content(folder.path(), "runtime/cgroup.procs"), "42");
        assert_eq!(content(folder.path(), "cgroup.subtree_control"), "+memory +pids +cpu");
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
        ] {
            assert_eq!(content(&group.folder, name), value, "{name}");
        }
        let kept = group.folder.clone();
        assert_ne!(groups.create(64).unwrap().folder, kept);
        drop(group);
        assert_eq!(content(&kept, "cgroup.kill"), "1");
    }

    #[test]
    fn what_the_kernel_ended_is_told_from_what_it_did_not() {
        let folder = hierarchy("memory pids");
        let group = ControlGroups::below(folder.path().to_owned(), 42).unwrap().create(1).unwrap();
        assert!(!group.ran_out_of_memory());
        for (count, ended) in [("0", false), ("2", true)] {
            fs::write(group.folder.join("memory.events"), format!("low 0\noom 1\noom_kill {count}\n"))
                .unwrap();
            assert_eq!(group.ran_out_of_memory(), ended);
        }
    }

    #[test]
    fn a_hierarchy_that_limits_nothing_is_none() {
        let folder = hierarchy("cpu memory");
        let reason = ControlGroups::below(folder.path().to_owned(), 42).unwrap_err();
        assert_eq!(reason, "version 2 has no controller pids here");
        assert!(!folder.path().join("runtime").exists());
    }

    #[test]
    fn the_own_group_is_found_by_its_mount() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - tmpfs tmpfs rw\n\
                      35 30 0:30 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
        let groups = "4:memory:/user.slice\n0::/system.slice/cape.service\n";
        let expected = Path::new("/sys/fs/cgroup/unified/system.slice/cape.service");
        assert_eq!(own_folder(mounts, groups).as_deref(), Some(expected));
        assert_eq!(own_folder(mounts, "4:memory:/\n"), None);
        assert_eq!(own_folder(mounts.lines().next().unwrap(), groups), None);
    }
}
