use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, de};

/// What a limit of processors can be: from the kernel's smallest to more than machines have.
const RANGE: RangeInclusive<f64> = 0.01..=1024.0;

/// Microseconds after which a share of the processors begins anew: the kernel's default.
const PERIOD_US: u32 = 100_000;

/// How many processors a worker may keep busy; 0.5 is half of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Processors {
    /// In each period, of all processors together.
    quota_us: u64,
}

impl Processors {
    /// So many, or why it cannot be.
    pub(crate) fn new(count: f64) -> Result<Self, String> {
        if !RANGE.contains(&count) {
            return Err(format!("{count}, not within {} and {}", RANGE.start(), RANGE.end()));
        }
        Ok(Self { quota_us: (count * f64::from(PERIOD_US)).round() as u64 })
    }

    /// As the kernel takes it: the time, and the period in which it may be used.
    pub(super) fn cpu_max(self) -> String {
        format!("{} {PERIOD_US}", self.quota_us)
    }

    /// Reads it where it may be left out.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(settings: D) -> Result<Option<Self>, D::Error> {
        let count = match toml::Value::deserialize(settings)? {
            toml::Value::Float(count) => Ok(count),
            toml::Value::Integer(count) => Ok(count as f64),
            other => Err(format!("a {}, not a number", other.type_str())),
        };
        let processors = count.and_then(Self::new);
        processors
            .map(Some)
            .map_err(|reason| de::Error::custom(format!("limits.processors_per_worker is {reason}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_told_a_time_in_each_period() {
        for (count, expected) in [
            (1.0, "100000 100000"),
            (0.5, "50000 100000"),
            (0.01, "1000 100000"),
            (1.0 / 3.0, "33333 100000"),
            (1024.0, "102400000 100000"),
        ] {
            assert_eq!(Processors::new(count).unwrap().cpu_max(), expected);
        }
    }

    #[test]
    fn what_is_no_number_of_processors_is_refused() {
        for count in [0.0, -1.0, 0.009, 1024.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Processors::new(count), Err(format!("{count}, not within 0.01 and 1024")));
        }
    }
}
