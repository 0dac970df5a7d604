//! Limits that the kernel keeps by control groups of version 2: as root, where it has the controllers.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cape_core::session::RuntimeDescription;
use support::{Client, Function, Platform, Settings, account, eventually};

/// Without what else would keep the limits, so that it is the groups which do.
const SETTINGS: &str = r#"
mode = "development"
vault_backends = ["file"]

[isolation]
required = ["control_group"]
insecure_off = ["memory_watch", "resource_limits"]

[limits]
spare_workers = 0
"#;

/// A group for one test, below the topmost; killed and removed when dropped.
struct Group(PathBuf);

impl Group {
    /// `None` where the test cannot have one with these controllers.
    fn with(controllers: &[&str]) -> Option<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let missing = |reason: &str| eprintln!("skipped: {reason}");
        let Some(top) = top() else {
            missing("no hierarchy of version 2 is mounted here");
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let group = Self(top.join(format!("cape-limits-{}-{number}", std::process::id())));
        if let Err(error) = fs::create_dir(&group.0) {
            missing(&format!("no group of version 2 can be made here: {error}"));
            return None;
        }
        let there = fs::read_to_string(group.0.join("cgroup.controllers")).unwrap();
        let lacks = controllers.iter().find(|name| !there.split_whitespace().any(|there| there == **name));
        if let Some(controller) = lacks {
            missing(&format!("version 2 has no controller {controller} here"));
            return None;
        }
        Some(group)
    }

    /// Folders of the groups below it whose names begin so.
    fn below(&self, prefix: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap().flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .map(|entry| entry.path())
            .collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        self.below("cape-").iter().for_each(|group| remove(group));
        remove(&self.0);
    }
}

/// Waits until what was killed in a group is gone.
fn remove(group: &Path) {
    let started = Instant::now();
    while fs::remove_dir(group).is_err() && group.exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Removes the groups that killed runtimes have left where they had none made for them, when dropped.
struct Leftovers;

impl Drop for Leftovers {
    fn drop(&mut self) {
        for group in top().iter().flat_map(|top| fs::read_dir(top).unwrap().flatten()) {
            let name = group.file_name();
            let name = name.to_string_lossy();
            let number = name.strip_prefix("cape-runtime-").or_else(|| name.strip_prefix("cape-worker-"));
            let process = number.and_then(|number| number.split('-').next());
            if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
                remove(&group.path());
            }
        }
    }
}

/// Where version 2 is mounted.
fn top() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        kind.starts_with("cgroup2 ").then(|| place.split(' ').nth(4).map(PathBuf::from))?
    })
}

fn content(group: &Path, name: &str) -> String {
    fs::read_to_string(group.join(name)).unwrap().trim_end().to_owned()
}

async fn why_the_layer_is_off(client: &mut Client) -> Option<String> {
    let description = RuntimeDescription::decode(&client.describe().await.description).unwrap();
    let mut layers = description.isolation.into_iter();
    layers.find(|layer| layer.name == "control_group").unwrap().off_because
}

/// Each of its processes has less than the worker may, all of them together have more.
const GREEDY: &str = r#"
import mmap, os, time

def cape_handler(data):
    for _ in range(8):
        if os.fork() == 0:
            kept = bytearray(os.urandom(1 << 16) * (32 << 4))
            time.sleep(600)
    time.sleep(600)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_have_too_much_memory_together_end_together() {
    let Some(group) = Group::with(&["memory", "pids"]) else { return };
    let platform = Platform::with_settings(SETTINGS).await;
    let runtime = platform.start_in(&group.0);
    let account = account();
    let mut client = runtime.connect().await;
    assert_eq!(why_the_layer_is_off(&mut client).await, None);
    let settings = Settings { memory_mib: 128, ..Settings::default() };
    let function = Function::with(&platform, &account, &[("app.py", GREEDY.as_bytes())], settings);
    client.deploy(&account, &function).await.unwrap();
    let failed = client.run_own(&account, function.checksum(), b"").await.unwrap_err();
    assert_eq!(failed.name(), "FunctionOutOfMemory");
    assert_eq!(failed.error().details["memory_mib"], "128");
}

/// Starts processes until it may not, and tells how many there were and what the kernel said.
const BOMB: &str = r#"
import errno, os, signal, time

def cape_handler(data):
    started = []
    try:
        while True:
            process = os.fork()
            if process == 0:
                time.sleep(600)
            started.append(process)
    except OSError as error:
        return f'{len(started)} {errno.errorcode[error.errno]}'
    finally:
        for process in started:
            os.kill(process, signal.SIGKILL)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_has_its_processes_its_processors_and_no_swap() {
    let Some(group) = Group::with(&["memory", "pids", "cpu"]) else { return };
    let limits = "processes = 16\nprocessors_per_worker = 0.5\n";
    let platform = Platform::with_settings(&format!("{SETTINGS}{limits}")).await;
    let runtime = platform.start_in(&group.0);
    let account = account();
    let mut client = runtime.connect().await;
    assert_eq!(why_the_layer_is_off(&mut client).await, None);
    let settings = Settings { memory_mib: 128, ..Settings::default() };
    let function = Function::with(&platform, &account, &[("app.py", BOMB.as_bytes())], settings);
    client.deploy(&account, &function).await.unwrap();
    let answer = client.run_own(&account, function.checksum(), b"").await.unwrap();
    // The worker's first process and the interpreter are two of the 16.
    assert_eq!(String::from_utf8_lossy(&answer.output), "14 EAGAIN");

    let own = group.below("cape-runtime-");
    assert_eq!(own.len(), 1);
    assert_eq!(content(&own[0], "cpu.weight"), "1000");
    let workers = group.below("cape-worker-");
    let limited = workers.iter().find(|worker| content(worker, "memory.max") == "134217728").unwrap();
    for (name, value) in
        [("memory.oom.group", "1"), ("pids.max", "16"), ("cpu.max", "50000 100000"), ("cpu.weight", "100")]
    {
        assert_eq!(content(limited, name), value, "{name}");
    }
    // Without a swap space there may be no such file.
    if limited.join("memory.swap.max").exists() {
        assert_eq!(content(limited, "memory.swap.max"), "0");
        assert_eq!(content(limited, "memory.swap.current"), "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_compiles_the_library_leaves_the_processors_to_others() {
    let Some(group) = Group::with(&["memory", "pids", "cpu"]) else { return };
    let platform = Platform::with_settings(SETTINGS).await;
    let _runtime = platform.start_in(&group.0);
    let least = |worker: &PathBuf| {
        fs::read_to_string(worker.join("cpu.weight")).is_ok_and(|weight| weight.trim_end() == "1")
    };
    eventually(async || group.below("cape-worker-").iter().any(least).then_some(())).await;
}

/// The groups of a runtime that is in none made for it, and of its workers.
fn groups_of(runtime: u32) -> usize {
    let (own, of_a_worker) = (format!("cape-runtime-{runtime}"), format!("cape-worker-{runtime}-"));
    let entries = fs::read_dir(top().unwrap()).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| *name == own || name.starts_with(&of_a_worker)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_runtime_removes_what_a_killed_one_left_and_lets_a_living_one_be() {
    let platform = Platform::new().await;
    let _leftovers = Leftovers;
    let (killed, living) = (platform.start(), platform.start());
    if why_the_layer_is_off(&mut living.connect().await).await.is_some() || groups_of(living.child.id()) == 0
    {
        return eprintln!("skipped: runtimes cannot have groups beside each other here");
    }
    let gone = killed.child.id();
    assert!(groups_of(gone) >= 2);
    drop(killed);
    assert!(groups_of(gone) >= 1);
    let next = platform.start();
    assert_eq!(groups_of(gone), 0);
    assert!(groups_of(next.child.id()) >= 2);
    assert!(groups_of(living.child.id()) >= 2);
    let account = account();
    let function = Function::new(&platform, &account, "def cape_handler(data):\n    return data\n");
    let mut client = living.connect().await;
    client.deploy(&account, &function).await.unwrap();
    assert_eq!(client.run_own(&account, function.checksum(), b"x").await.unwrap().output, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_processors_that_is_not_kept_is_reported() {
    let _leftovers = Leftovers;
    let platform = Platform::with_limits("processors_per_worker = 0.5").await;
    let runtime = platform.start();
    let Some(reason) = why_the_layer_is_off(&mut runtime.connect().await).await else {
        return eprintln!("skipped: the limit is kept here");
    };
    let ending = "; limits.processors_per_worker is not kept";
    assert!(reason.ends_with(ending), "{reason}");
    assert!(runtime.log().contains(ending));
}
