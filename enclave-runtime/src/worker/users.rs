use std::fs;

use rustix::process::geteuid;

/// Where the numbers of workers' users begin, if the machine has them: above those of people and
/// services, and of containers (systemd's ranges end at 0x6fff_ffff).
const PREFERRED: u64 = 0x7000_0000;

/// Where they begin in a container that has 65,536: systemd's range for services that come and go.
const SMALL: u64 = 61_184;

/// How many there are before the first is used again. Two workers may then have the same, as long as
/// there are no more workers than that.
const COUNT: [(u64, u64); 2] = [(PREFERRED, 1 << 16), (SMALL, 4096)];

/// Users that nobody else is, for one worker after the other.
pub(super) struct Users {
    range: Result<(u64, u64), String>,
    used: u64,
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
        Self { range, used: 0 }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Result<u32, String> {
        let (first, count) = self.range.clone()?;
        let number = first + self.used % count;
        self.used += 1;
        u32::try_from(number).map_err(|error| error.to_string())
    }
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

    #[test]
    fn each_worker_is_another_user_until_all_were_used() {
        let mut users = Users { range: Ok((10, 2)), used: 0 };
        assert_eq!([users.next(), users.next(), users.next()], [Ok(10), Ok(11), Ok(10)]);
        let mut none = Users { range: Err("no".into()), used: 0 };
        assert_eq!(none.next(), Err("no".into()));
    }
}
