use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use rustix::process::geteuid;

/// Where the numbers of workers' users begin, if the machine has them: above those of people and
/// services, and of containers (systemd's ranges end at 0x6fff_ffff).
const PREFERRED: u64 = 0x7000_0000;

/// Where they begin in a container that has 65,536: systemd's range for services that come and go.
const SMALL: u64 = 61_184;

/// How many there are in each range.
const COUNT: [(u64, u64); 2] = [(PREFERRED, 1 << 16), (SMALL, 4096)];

/// Users that nobody else is, for one worker after the other. Where in the range it begins is random:
/// another runtime on the machine takes them of the same one.
pub(super) struct Users {
    range: Result<(u64, u64), String>,
    next: u64,
    taken: Arc<Taken>,
}

/// The numbers that workers have.
type Taken = Mutex<HashSet<u32>>;

/// A user that one worker is, until this is dropped.
pub(super) struct OwnUser {
    number: u32,
    taken: Arc<Taken>,
}

impl Users {
    /// Those that this process may become.
    pub(super) fn find() -> Self {
        let range = match fs::read_to_string("/proc/self/uid_map") {
            _ if !geteuid().is_root() => Err("the runtime is not root".to_owned()),
            Ok(map) => {
                let there = COUNT.into_iter().find(|(first, count)| is_mapped(&map, *first, *count));
                there.ok_or_else(|| "the user namespace has too few users".to_owned())
            }
            Err(error) => Err(format!("/proc/self/uid_map: {error}")),
        };
        match random() {
            Ok(next) => Self { range, next, taken: Arc::default() },
            Err(error) => Self { range: Err(error.to_string()), next: 0, taken: Arc::default() },
        }
    }

    /// The next one that no worker is.
    pub(super) fn next(&mut self) -> Result<OwnUser, String> {
        let (first, count) = self.range.clone()?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..count {
            let number = u32::try_from(first + self.next % count).map_err(|error| error.to_string())?;
            self.next = self.next.wrapping_add(1) % count;
            if taken.insert(number) {
                return Ok(OwnUser { number, taken: Arc::clone(&self.taken) });
            }
        }
        Err("other workers are all the users that there are".to_owned())
    }
}

impl OwnUser {
    pub(super) fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for OwnUser {
    fn drop(&mut self) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Whether a map of users (user_namespaces(7): inside, outside, length) has so many from `first` on.
fn is_mapped(map: &str, first: u64, count: u64) -> bool {
    map.lines().any(|line| {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let [inside, _, length] = numbers[..] else { return false };
        inside <= first && first + count <= inside.saturating_add(length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_looked_for_in_the_map() {
        let whole = "         0          0 4294967295\n";
        assert!(is_mapped(whole, PREFERRED, 1 << 16));
        let container = "0 100000 65536\n";
        assert!(!is_mapped(container, PREFERRED, 1 << 16));
        assert!(is_mapped(container, SMALL, 4096));
        assert!(!is_mapped("1000 1000 1\n", SMALL, 4096));
    }

    fn of_range(range: Result<(u64, u64), String>) -> Users {
        Users { range, next: 0, taken: Arc::default() }
    }

    #[test]
    fn each_worker_is_another_user_as_long_as_it_lives() {
        let mut users = of_range(Ok((10, 3)));
        let [first, second, third] = [(); 3].map(|()| users.next().unwrap());
        assert_eq!([&first, &second, &third].map(OwnUser::number), [10, 11, 12]);
        assert!(users.next().is_err());
        drop(second);
        drop(third);
        let [second, third] = [(); 2].map(|()| users.next().unwrap());
        assert_eq!([&second, &third].map(OwnUser::number), [11, 12]);
        drop(first);
        assert_eq!(users.next().unwrap().number(), 10);
    }

    #[test]
    fn without_users_there_is_none() {
        assert_eq!(of_range(Err("no".into())).next().err(), Some("no".into()));
    }

    #[test]
    fn two_runtimes_do_not_begin_with_the_same_one() {
        let first = || Users::find().next;
        assert!((0..8).any(|_| first() % (1 << 16) != first() % (1 << 16)));
    }
}
