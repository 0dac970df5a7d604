//! Bounds of everything that others can ask for: measured, and by the host made tighter at most.

use std::ops::RangeInclusive;
use std::time::Duration;

use cape_core::session::HANDSHAKE_TIMEOUT;
use serde::Deserialize;

use crate::error::StartError;
use crate::jail::Processors;

macro_rules! limits {
    ($($(#[doc = $meaning:literal])+ $name:ident: $range:expr, default $default:expr;)*) => {
        /// Bounds of everything that others can ask for. A limit that the file leaves out has the
        /// value that is compiled in.
        #[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct Limits {
            $($(#[doc = $meaning])+ pub(crate) $name: u64,)*
            /// Processors that one worker may keep busy; all, if the file leaves it out.
            #[serde(deserialize_with = "Processors::deserialize")]
            pub(crate) processors_per_worker: Option<Processors>,
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* processors_per_worker: None }
            }
        }

        /// What the host asks of the limits. Where it asks for nothing they stay what they are.
        #[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct TighterLimits {
            $($name: Option<u64>,)*
            #[serde(deserialize_with = "Processors::deserialize")]
            processors_per_worker: Option<Processors>,
        }

        impl Limits {
            /// Takes what the host asks for, or says which of it is looser than what is measured. Every
            /// limit is an upper one, so that less is tighter.
            pub(super) fn tighten(&mut self, host: &TighterLimits) -> Result<(), StartError> {
                $(if let Some(value) = host.$name {
                    if value > self.$name {
                        return Err(looser(stringify!($name), format!("{value}, above {}", self.$name)));
                    }
                    self.$name = value;
                })*
                if let Some(processors) = host.processors_per_worker {
                    if self.processors_per_worker.is_some_and(|measured| processors > measured) {
                        return Err(looser("processors_per_worker", "above that of the settings".to_owned()));
                    }
                    self.processors_per_worker = Some(processors);
                }
                self.check()
            }

            pub(super) fn check(&self) -> Result<(), StartError> {
                $({
                    let (value, range): (u64, RangeInclusive<u64>) = (self.$name, $range);
                    if !range.contains(&value) {
                        return Err(StartError::new(format!(
                            "limits.{} is {value}, not within {} and {}",
                            stringify!($name), range.start(), range.end(),
                        )));
                    }
                })*
                Ok(())
            }
        }
    };
}

limits! {
    /// Percent of the workers, and of the queue for them, that the functions of one account may have;
    /// rounded up, so that of less than ten all of them are anybody's.
    account_share_percent: 1..=100, default 90;
    /// Bytes of a bundle.
    bundle_bytes: 1..=1 << 30, default 1 << 30;
    /// Calls that one connection may have open.
    calls_per_connection: 1..=1024, default 16;
    /// Connections, those that have not said anything yet included.
    connections: 1..=100_000, default 1024;
    /// Functions that may be in the middle of being deployed.
    deploys: 1..=1000, default 16;
    /// Bytes of storage that unpacked functions may occupy while nobody uses them.
    function_cache_bytes: 0..=1 << 40, default 2 << 30;
    /// Handshakes that may begin in one second.
    handshakes_per_second: 1..=100_000, default 1000;
    /// Seconds from the accepted connection to the client's first message.
    handshake_timeout_s: 1..=HANDSHAKE_TIMEOUT.as_secs(), default HANDSHAKE_TIMEOUT.as_secs();
    /// Seconds that a connection without calls is kept.
    idle_timeout_s: 1..=86_400, default 600;
    /// Bytes of one input.
    input_bytes: 1..=1 << 30, default 64 << 20;
    /// Seconds that importing a function may take.
    load_timeout_s: 1..=600, default 60;
    /// MiB of memory of one worker, whatever its manifest says.
    memory_mib: 16..=1 << 20, default 4096;
    /// Bytes of one output.
    output_bytes: 1..=1 << 40, default 1 << 30;
    /// Processes and threads of one worker.
    processes: 16..=1 << 20, default 256;
    /// Calls that may wait for a worker.
    queue: 0..=100_000, default 256;
    /// Seconds that a call may wait for a worker.
    queue_timeout_s: 0..=600, default 5;
    /// Bytes that one worker may write to its /tmp, and of one file.
    scratch_bytes: 1 << 20..=1 << 40, default 256 << 20;
    /// Sessions that one attestation document vouches for. With 1 no two receipts have a document in
    /// common, and a burst of connections takes one question to the security module each.
    sessions_per_document: 1..=1024, default 1024;
    /// Workers without a function that are kept ready, so that nobody waits for their start.
    spare_workers: 0..=64, default 2;
    /// Seconds that calls under way have to end when the runtime is stopped.
    stop_grace_s: 0..=3600, default 10;
    /// Bytes of storage for bundles and unpacked functions, where it can be limited.
    storage_bytes: 1 << 20..=1 << 40, default 8 << 30;
    /// Seconds of one call, whatever its manifest says.
    timeout_s: 1..=86_400, default 3600;
    /// Bytes of one unpacked bundle.
    unpacked_bytes: 1..=1 << 40, default 4 << 30;
    /// Seconds that a worker waits for the next call of its function without being needed.
    warm_idle_s: 1..=86_400, default 60;
    /// MiB of memory that workers may have which wait for a call of their function. With 0 none wait.
    warm_memory_mib: 0..=1 << 24, default 1024;
    /// Workers that have a function.
    workers: 1..=10_000, default 64;
}

impl Limits {
    /// What one account may have of so many.
    pub(crate) fn share_of_account(&self, all: u64) -> u64 {
        all.saturating_mul(self.account_share_percent).div_ceil(100)
    }

    /// The time a client has to complete its handshake.
    pub(crate) fn handshake_timeout(&self) -> Duration {
        Duration::from_secs(self.handshake_timeout_s)
    }

    /// The time a connection without calls is kept.
    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout_s)
    }

    /// The time that importing a function may take.
    pub(crate) fn load_timeout(&self) -> Duration {
        Duration::from_secs(self.load_timeout_s)
    }

    /// The time a call may wait for a worker.
    pub(crate) fn queue_timeout(&self) -> Duration {
        Duration::from_secs(self.queue_timeout_s)
    }

    /// The time that calls under way have when the runtime is stopped.
    pub(crate) fn stop_grace(&self) -> Duration {
        Duration::from_secs(self.stop_grace_s)
    }
}

fn looser(name: &str, how: String) -> StartError {
    StartError::new(format!("the host's limits.{name} is {how}: it can only make limits tighter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_their_ranges() {
        Limits::default().check().unwrap();
    }

    fn tightened(host: &str) -> Result<Limits, String> {
        let mut limits = Limits { processors_per_worker: Some(Processors::new(2.0)?), ..Limits::default() };
        let host = serde_json::from_str(host).map_err(|error| error.to_string())?;
        limits.tighten(&host).map_err(|error| error.to_string())?;
        Ok(limits)
    }

    #[test]
    fn the_host_makes_limits_tighter() {
        let limits = tightened(r#"{"workers": 3, "queue": 256, "processors_per_worker": 0.5}"#).unwrap();
        let processors_per_worker = Some(Processors::new(0.5).unwrap());
        assert_eq!(limits, Limits { workers: 3, processors_per_worker, ..Limits::default() });
        assert_eq!(tightened("{}").unwrap().workers, 64);
    }

    #[test]
    fn a_looser_limit_of_the_host_is_refused_by_its_name() {
        for (host, reason) in [
            (
                r#"{"workers": 65}"#,
                "the host's limits.workers is 65, above 64: it can only make limits tighter",
            ),
            (
                r#"{"processors_per_worker": 2.5}"#,
                "the host's limits.processors_per_worker is above that of the settings: \
                 it can only make limits tighter",
            ),
            (r#"{"workers": 0}"#, "limits.workers is 0, not within 1 and 10000"),
        ] {
            assert_eq!(tightened(host), Err(reason.to_owned()));
        }
        for unreadable in [r#"{"worker": 1}"#, r#"{"workers": -1}"#, r#"{"workers": "3"}"#, "3"] {
            assert!(tightened(unreadable).is_err(), "{unreadable}");
        }
    }

    #[test]
    fn no_limit_can_be_made_looser() {
        let measured = Limits::default();
        let names = format!("{measured:?}");
        let names = names.split(['{', ',']).skip(1).filter_map(|field| field.trim().split_once(": "));
        let mut checked = 0;
        for (name, value) in names {
            let Ok(value) = value.parse::<u64>() else { continue };
            let error = tightened(&format!("{{\"{name}\": {}}}", value + 1)).unwrap_err();
            assert!(error.starts_with(&format!("the host's limits.{name} is ")), "{error}");
            checked += 1;
        }
        assert!(checked > 20, "{checked}");
    }
}
