use std::fs;
use std::path::{Path, PathBuf};

/// Where the process is in the hierarchy of version 2.
pub(super) struct Hierarchy {
    /// The folder of its group.
    pub(super) own: PathBuf,
    /// The folder of the topmost group that it sees.
    pub(super) top: PathBuf,
    /// /proc/cgroups: names of controllers, and which hierarchy of version 1 has each, if one has.
    pub(super) version_1: String,
}

impl Hierarchy {
    /// The calling process's, or why there is none.
    pub(super) fn find() -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
        // Whether there is version 1 does not matter before something is missing.
        let version_1 = fs::read_to_string("/proc/cgroups").unwrap_or_default();
        Self::parse(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?, version_1)
    }

    /// By its mountinfo (proc_pid_mountinfo(5)) and cgroup files.
    fn parse(mounts: &str, groups: &str, version_1: String) -> Result<Self, String> {
        let top = mounts.lines().find_map(|line| {
            let (place, kind) = line.split_once(" - ")?;
            let mut fields = place.split(' ').skip(3);
            let (root, point) = (fields.next()?, fields.next()?);
            (kind.starts_with("cgroup2 ") && root == "/").then(|| PathBuf::from(point))
        });
        let group = groups.lines().find_map(|line| line.strip_prefix("0::/"));
        let (Some(top), Some(group)) = (top, group) else {
            return Err("no hierarchy of version 2 is mounted here".to_owned());
        };
        if group.starts_with("..") {
            return Err("the runtime's control group is outside of what is mounted here".to_owned());
        }
        Ok(Self { own: top.join(group), top, version_1 })
    }

    /// Names of the controllers that its group may have.
    pub(super) fn controllers(&self) -> Result<Controllers, String> {
        Controllers::of(&self.own)
    }

    /// Why a controller is not among them.
    pub(super) fn lack_of(&self, controller: &str) -> String {
        let line = self.version_1.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let known = line.into_iter().find(|fields| fields.first() == Some(&controller));
        let because = match known.as_deref() {
            Some([_, hierarchy, ..]) if *hierarchy != "0" => ": version 1 has it",
            Some([.., "0"]) => ": the kernel was started without it",
            _ if Controllers::of(&self.top).is_ok_and(|top| top.contains(controller)) => {
                ": it is not passed on to the runtime's control group"
            }
            _ => "",
        };
        format!("version 2 has no controller {controller} here{because}")
    }
}

/// What a group's cgroup.controllers says.
pub(super) struct Controllers(String);

impl Controllers {
    fn of(group: &Path) -> Result<Self, String> {
        let path = group.join("cgroup.controllers");
        fs::read_to_string(&path).map(Self).map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(super) fn contains(&self, controller: &str) -> bool {
        self.0.split_whitespace().any(|there| there == controller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - tmpfs tmpfs rw\n\
                          35 30 0:30 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";

    fn own(mounts: &str, groups: &str) -> Result<PathBuf, String> {
        Hierarchy::parse(mounts, groups, String::new()).map(|hierarchy| hierarchy.own)
    }

    #[test]
    fn the_own_group_is_found_by_its_mount() {
        let groups = "4:memory:/user.slice\n0::/system.slice/cape.service\n";
        let expected = PathBuf::from("/sys/fs/cgroup/unified/system.slice/cape.service");
        assert_eq!(own(MOUNTS, groups), Ok(expected));
        for (mounts, groups, reason) in [
            (MOUNTS, "4:memory:/\n", "no hierarchy of version 2 is mounted here"),
            (MOUNTS.lines().next().unwrap(), groups, "no hierarchy of version 2 is mounted here"),
            (MOUNTS, "0::/../other\n", "the runtime's control group is outside of what is mounted here"),
        ] {
            assert_eq!(own(mounts, groups), Err(reason.to_owned()));
        }
    }

    #[test]
    fn why_a_controller_is_missing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().to_owned();
        let own = top.join("own");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("cgroup.controllers"), "\n").unwrap();
        let header = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";
        for (line, at_the_top, because) in [
            ("memory\t4\t17\t1\n", "hugetlb", ": version 1 has it"),
            ("memory\t0\t17\t0\n", "hugetlb", ": the kernel was started without it"),
            ("memory\t0\t17\t1\n", "memory", ": it is not passed on to the runtime's control group"),
            ("", "memory", ": it is not passed on to the runtime's control group"),
            ("", "hugetlb", ""),
        ] {
            fs::write(top.join("cgroup.controllers"), at_the_top).unwrap();
            let version_1 = format!("{header}{line}");
            let hierarchy = Hierarchy { own: own.clone(), top: top.clone(), version_1 };
            assert!(!hierarchy.controllers().unwrap().contains("memory"));
            assert_eq!(
                hierarchy.lack_of("memory"),
                format!("version 2 has no controller memory here{because}")
            );
        }
    }
}
