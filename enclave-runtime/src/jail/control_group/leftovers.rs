//! The end of groups: of a worker that is dropped, and of those that a runtime left which was killed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// What the names of groups begin with, before the number of the runtime's process.
const RUNTIME: &str = "cape-runtime-";
const WORKER: &str = "cape-worker-";

/// How long the removal of groups may take, and how long is waited between attempts: their processes
/// have to be gone.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(2);
const REMOVAL_PAUSE: Duration = Duration::from_millis(20);

/// The name of a runtime's own group.
pub(super) fn runtime(runtime: u32) -> String {
    format!("{RUNTIME}{runtime}")
}

/// The name of a group of one of its workers.
pub(super) fn worker(runtime: u32, number: u64) -> String {
    format!("{WORKER}{runtime}-{number}")
}

/// Kills what is in a group; removes it when all of that is gone, without waiting for it.
pub(super) fn end(group: PathBuf) {
    kill(&group);
    let removal = move || remove(&group, Instant::now() + REMOVAL_TIMEOUT);
    // The thread that starts workers is none of the runtime's. When the runtime ends, whoever started
    // it removes the whole, or else the next one does.
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(removal)),
        Err(_) => drop(thread::Builder::new().name("removal".into()).spawn(removal)),
    }
}

/// Kills and removes what runtimes left below `folder` that are gone. One that lives is in its own
/// group, whatever number its process has in which namespace.
pub(super) fn clear(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let left = |name: &String| owner(name).is_some_and(|owner| !has_processes(&folder.join(runtime(owner))));
    let left: Vec<String> = names.filter(left).collect();
    // A runtime's own has no process: that one is gone, or starts just now and is about to enter it.
    for name in left.iter().filter(|name| name.starts_with(WORKER)) {
        kill(&folder.join(name));
    }
    let until = Instant::now() + REMOVAL_TIMEOUT;
    for name in &left {
        remove(&folder.join(name), until);
    }
}

/// The number of the runtime's process in a name from [`runtime`] or [`worker`].
fn owner(name: &str) -> Option<u32> {
    let number = match name.strip_prefix(RUNTIME) {
        Some(number) => number,
        None => {
            let (runtime, number) = name.strip_prefix(WORKER)?.split_once('-')?;
            number.parse::<u64>().ok()?;
            runtime
        }
    };
    number.parse().ok()
}

fn has_processes(group: &Path) -> bool {
    let events = fs::read_to_string(group.join("cgroup.events")).unwrap_or_default();
    events.lines().any(|line| line == "populated 1")
}

fn kill(group: &Path) {
    // A group that somebody else has removed has no processes.
    let _ = fs::write(group.join("cgroup.kill"), "1");
}

fn remove(group: &Path, until: Instant) {
    loop {
        match fs::remove_dir(group) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < until => {
                thread::sleep(REMOVAL_PAUSE);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return tracing::warn!(%error, "a worker's control group was not removed");
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_others_are_told_from_those_of_runtimes() {
        for name in [runtime(7), worker(7, 1), worker(7, u64::MAX)] {
            assert_eq!(owner(&name), Some(7), "{name}");
        }
        let others =
            ["cape-runtime-", "cape-runtime-x", "cape-worker-7", "cape-worker-7-x", "worker-7-1", ""];
        for name in others {
            assert_eq!(owner(name), None, "{name}");
        }
    }
}
