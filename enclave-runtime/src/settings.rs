//! The measured settings: a TOML file that is part of what PCR1 speaks for.
//!
//! Whatever could weaken a promise stands here and nowhere else, so the file is read strictly: an
//! unknown key, an unknown layer or a limit outside its range stops the runtime.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use cape_core::session::{HANDSHAKE_TIMEOUT, Mode};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Deserializer, de};

use crate::error::StartError;
use crate::jail::{Layer, Processors};

/// What the measured file says.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// What the runtime is for.
    #[serde(deserialize_with = "mode")]
    pub(crate) mode: Mode,
    /// Where the vault's secret may come from.
    pub(crate) vault_backends: BTreeSet<VaultBackend>,
    /// How functions are kept apart.
    pub(crate) isolation: IsolationSettings,
    /// Bounds of everything that others can ask for.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// Who is believed to be who over TLS.
    #[serde(default)]
    pub(crate) tls: TlsSettings,
}

/// Where a vault's secret is kept.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum VaultBackend {
    /// With AWS KMS, which wrapped it.
    AwsKms,
    /// A file beside the runtime, in development only.
    File,
}

/// Who is believed to be who over TLS: a runtime speaks it with KMS, and with nobody else.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSettings {
    /// The certificates of authorities, each as one text of PEM.
    #[serde(deserialize_with = "certificates")]
    pub(crate) roots: Vec<CertificateDer<'static>>,
}

/// How functions are kept apart.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct IsolationSettings {
    /// The layers without which no worker runs. In production these are all.
    pub(crate) required: BTreeSet<Layer>,
    /// Layers that are left off, to see what then becomes possible. In development only.
    #[serde(default)]
    pub(crate) insecure_off: BTreeSet<Layer>,
}

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

        impl Limits {
            fn check(&self) -> Result<(), StartError> {
                $({
                    let (value, range): (u64, RangeInclusive<u64>) = (self.$name, $range);
                    if !range.contains(&value) {
                        return Err(StartError::new(format!(
                            "settings: limits.{} is {value}, not within {} and {}",
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

impl Settings {
    /// Reads and checks the file's text.
    pub(crate) fn parse(text: &str) -> Result<Self, StartError> {
        let settings: Self = toml::from_str(text)
            .map_err(|error| StartError::new(format!("settings: {}", one_line(&error))))?;
        settings.limits.check()?;
        if settings.mode == Mode::Production && settings.vault_backends.contains(&VaultBackend::File) {
            return Err(StartError::new("settings: the vault backend \"file\" is for development only"));
        }
        if settings.tls.roots.is_empty() && settings.vault_backends.contains(&VaultBackend::AwsKms) {
            return Err(StartError::new("settings: the vault backend \"aws-kms\" needs tls.roots"));
        }
        settings.isolation.check(settings.mode)?;
        let off = settings.isolation.insecure_off.contains(&Layer::ControlGroup);
        if off && settings.limits.processors_per_worker.is_some() {
            return Err(StartError::new(
                "settings: limits.processors_per_worker needs the layer control_group, which is off",
            ));
        }
        Ok(settings)
    }
}

impl IsolationSettings {
    fn check(&self, mode: Mode) -> Result<(), StartError> {
        if let Some(layer) = self.required.intersection(&self.insecure_off).next() {
            return Err(StartError::new(format!("settings: the layer {layer} is both required and off")));
        }
        if mode == Mode::Development {
            return Ok(());
        }
        if let Some(layer) = self.insecure_off.first() {
            return Err(StartError::new(format!("settings: the layer {layer} is off, for development only")));
        }
        match Layer::ALL.into_iter().find(|layer| !self.required.contains(layer)) {
            Some(layer) => Err(StartError::new(format!("settings: production requires the layer {layer}"))),
            None => Ok(()),
        }
    }
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

impl VaultBackend {
    /// Its name in settings and descriptions.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AwsKms => "aws-kms",
            Self::File => "file",
        }
    }
}

fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
    let name = String::deserialize(deserializer)?;
    Mode::from_name(&name).ok_or_else(|| de::Error::custom("mode is \"development\" or \"production\""))
}

/// Certificates that can be roots, so that a wrong one is not first seen when KMS is asked.
fn certificates<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<CertificateDer<'static>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: &String| {
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        RootCertStore::empty().add(certificate.clone()).ok()?;
        Some(certificate)
    };
    let read: Option<_> = texts.iter().map(read).collect();
    read.ok_or_else(|| de::Error::custom("tls.roots are certificates, each as one text of PEM"))
}

/// The parser shows the offending line below its message; logs and error lines have one.
fn one_line(error: &toml::de::Error) -> String {
    error.message().trim().replace('\n', ", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "mode = \"development\"\nvault_backends = [\"file\"]\n[isolation]\nrequired = []\n";

    #[test]
    fn limits_that_are_left_out_have_their_defaults() {
        let settings = Settings::parse(MINIMAL).unwrap();
        assert_eq!(settings.mode, Mode::Development);
        assert_eq!(settings.limits, Limits::default());
        let settings = Settings::parse(&format!("{MINIMAL}[limits]\nworkers = 3\n")).unwrap();
        assert_eq!(settings.limits, Limits { workers: 3, ..Limits::default() });
    }

    #[test]
    fn a_number_of_processors_is_whole_or_not() {
        let parse = |value: &str| {
            Settings::parse(&format!("{MINIMAL}[limits]\nprocessors_per_worker = {value}\n"))
                .map(|settings| settings.limits.processors_per_worker)
                .map_err(|error| error.to_string())
        };
        for (value, count) in [("1", 1.0), ("0.5", 0.5)] {
            assert_eq!(parse(value), Ok(Some(Processors::new(count).unwrap())));
        }
        for (value, reason) in [
            ("0", "0, not within 0.01 and 1024"),
            ("-1", "-1, not within 0.01 and 1024"),
            ("1024.5", "1024.5, not within 0.01 and 1024"),
            ("nan", "NaN, not within 0.01 and 1024"),
            ("inf", "inf, not within 0.01 and 1024"),
            ("\"two\"", "a string, not a number"),
        ] {
            assert_eq!(parse(value), Err(format!("settings: limits.processors_per_worker is {reason}")));
        }
    }

    #[test]
    fn a_limit_of_processors_cannot_be_kept_without_its_layer() {
        let off = MINIMAL.replace("required = []", "required = []\ninsecure_off = [\"control_group\"]");
        let error = Settings::parse(&format!("{off}[limits]\nprocessors_per_worker = 1\n")).unwrap_err();
        assert!(error.to_string().contains("needs the layer control_group"), "{error}");
        Settings::parse(&off).unwrap();
    }

    #[test]
    fn defaults_are_within_their_ranges() {
        Limits::default().check().unwrap();
    }

    #[test]
    fn production_requires_every_layer() {
        let isolation = |required: &[Layer], off: &[Layer]| IsolationSettings {
            required: required.iter().copied().collect(),
            insecure_off: off.iter().copied().collect(),
        };
        isolation(&Layer::ALL, &[]).check(Mode::Production).unwrap();
        let error = isolation(&Layer::ALL[1..], &[]).check(Mode::Production).unwrap_err();
        assert_eq!(error.to_string(), format!("settings: production requires the layer {}", Layer::ALL[0]));
        let error = isolation(&Layer::ALL[1..], &Layer::ALL[..1]).check(Mode::Production).unwrap_err();
        assert!(error.to_string().contains("development only"), "{error}");
        isolation(&[], &Layer::ALL).check(Mode::Development).unwrap();
    }

    #[test]
    fn unknown_and_missing_words_are_refused() {
        for (from, to) in [
            ("mode", "mood"),
            ("development", "debug"),
            ("\"file\"", "\"memory\""),
            ("required = []", "required = [\"hope\"]"),
            ("required = []", "required = []\nwanted = []"),
            ("[isolation]\nrequired = []", ""),
            ("required = []", "required = []\n[limits]\nworker = 3"),
            ("required = []", "required = []\n[limits]\nworkers = 0"),
            ("required = []", "required = []\n[limits]\nworkers = -1"),
            ("required = []", "required = []\n[limits]\nhandshake_timeout_s = 11"),
            ("development", "production"),
            ("required = []", "required = []\ninsecure_off = [\"hope\"]"),
            ("required = []", "required = [\"landlock\"]\ninsecure_off = [\"landlock\"]"),
        ] {
            assert!(MINIMAL.contains(from));
            assert!(Settings::parse(&MINIMAL.replace(from, to)).is_err(), "{to}");
        }
    }
}
