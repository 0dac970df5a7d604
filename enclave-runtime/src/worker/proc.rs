//! What the kernel tells of processes (proc(5)).

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;

/// Processes that are added up for one worker; more would be over any limit of theirs.
const MAX_PROCESSES: usize = 1 << 16;

/// A process and all that descend from it.
pub(super) fn with_descendants(first: Pid) -> Vec<Pid> {
    let mut processes = vec![first];
    let mut looked_at = 0;
    while let Some(process) = processes.get(looked_at).copied().filter(|_| processes.len() < MAX_PROCESSES) {
        processes.extend(children(process));
        looked_at += 1;
    }
    processes
}

/// The children of every thread of a process. While some of them end others may be left out
/// (proc_tid_children(5)), until they are looked for again.
pub(super) fn children(process: Pid) -> Vec<Pid> {
    let threads =
        fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).into_iter().flatten().flatten();
    let listed = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let number = |number: &str| Pid::from_raw(number.parse().ok()?);
    listed.flat_map(|listed| listed.split_whitespace().filter_map(number).collect::<Vec<_>>()).collect()
}

/// Processor time that a process has used so far.
pub(super) fn cpu_time(pid: Pid) -> Option<Duration> {
    // What clock_getcpuclockid(3) says, which asks the kernel first whether there is such a process:
    // the number's complement, and which of the process's clocks (CPUCLOCK_SCHED).
    let clock = (!pid.as_raw_nonzero().get() << 3) | 2;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to the place it is given and nothing else (clock_gettime(2)).
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

/// Processor time of the children that a process has waited for: fields 16 and 17 of
/// proc_pid_stat(5), in ticks of a hundredth of a second.
pub(super) fn children_time(pid: Pid) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// The most memory that a process has had in use, by its `VmHWM:    12345 kB` (proc_pid_status(5)).
pub(super) fn high_water_mark(status: &str) -> Option<u64> {
    Some(of_line(status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?)? * 1024)
}

/// Bytes of private and shared memory that a process has in use or in a swap space, those of files
/// left out. The tables that say where its memory is count too: of memory that is only read they can
/// be all there is.
pub(super) fn resident(process: Pid) -> u64 {
    kibibytes(process, "status", &["RssAnon:", "RssShmem:", "VmSwap:", "VmPTE:"]).unwrap_or(0) * 1024
}

/// The same, but of what it shares its part only. The kernel does not tell that to everybody; where it
/// does not, the whole counts.
pub(super) fn proportional(process: Pid) -> u64 {
    let part = kibibytes(process, "smaps_rollup", &["Pss_Anon:", "Pss_Shmem:", "SwapPss:"]);
    let tables = || kibibytes(process, "status", &["VmPTE:"]).unwrap_or(0);
    part.map_or_else(|| resident(process), |part| (part + tables()) * 1024)
}

/// The sum of what a file has in these lines; `None` when it has none of them.
fn kibibytes(process: Pid, file: &str, names: &[&str]) -> Option<u64> {
    let folder = format!("/proc/{}", process.as_raw_nonzero());
    let of_file = |path: &Path| sum_of_lines(&fs::read_to_string(path).ok()?, names);
    of_file(&Path::new(&folder).join(file)).or_else(|| {
        // A process goes on when its first thread has ended, by which its own files tell nothing then.
        let threads = fs::read_dir(format!("{folder}/task")).into_iter().flatten().flatten();
        threads.map(|thread| thread.path().join(file)).find_map(|path| of_file(&path))
    })
}

fn sum_of_lines(text: &str, names: &[&str]) -> Option<u64> {
    let value =
        |line: &str| -> Option<u64> { of_line(names.iter().find_map(|name| line.strip_prefix(name))?) };
    text.lines().filter_map(value).reduce(|sum, value| sum + value)
}

/// Of `    12345 kB`, the number.
fn of_line(value: &str) -> Option<u64> {
    value.trim().strip_suffix("kB")?.trim_end().parse().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read;
    use std::process::{Child, Command, Stdio};

    use rustix::process::getpid;

    use super::*;

    /// A script that has begun: it says so by its first byte of output.
    pub(in crate::worker) fn started(program: &str, script: &str) -> (Child, Pid) {
        let mut command = Command::new(program);
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let number = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        (child, number)
    }

    #[test]
    fn usage_of_a_living_process_is_known() {
        assert!(cpu_time(getpid()).unwrap() > Duration::ZERO);
        let status = fs::read_to_string("/proc/self/status").unwrap();
        assert!(high_water_mark(&status).unwrap() > 1 << 20);
        assert_eq!(high_water_mark("Name:\tx\n"), None);
    }

    #[test]
    fn both_figures_are_there_and_the_exact_one_is_not_larger() {
        // Of a process that does nothing meanwhile: the other tests of this one take memory and give it
        // back between two looks.
        let script = "memory = b'x' * (32 << 20); print(flush=True); input()";
        let (mut quiet, number) = started("python3", script);
        let (resident, proportional) = (resident(number), proportional(number));
        quiet.kill().unwrap();
        quiet.wait().unwrap();
        assert!(proportional > 32 << 20, "{proportional}");
        assert!(resident >= proportional, "{resident} {proportional}");
    }

    #[test]
    fn what_is_in_a_swap_space_counts() {
        let status = "RssAnon:\t 100 kB\nRssFile:\t 7 kB\nVmSwap:\t 30 kB\n";
        assert_eq!(sum_of_lines(status, &["RssAnon:", "VmSwap:"]), Some(130));
        assert_eq!(sum_of_lines("Name:\tx\n", &["RssAnon:"]), None);
    }

    #[test]
    fn descendants_of_descendants_are_found() {
        let script = "sleep 60 & sh -c 'sleep 60 & echo; wait' & wait";
        let (mut shell, shell_number) = started("sh", script);
        let found = with_descendants(shell_number);
        for process in found.iter().rev() {
            let _ = rustix::process::kill_process(*process, rustix::process::Signal::KILL);
        }
        shell.wait().unwrap();
        assert_eq!(found.len(), 4, "{found:?}");
    }
}
