//! The measured settings: a TOML file that is part of what PCR1 speaks for.
//!
//! Whatever could weaken a promise stands here and nowhere else, so the file is read strictly: an
//! unknown key, an unknown layer or a limit outside its range stops the runtime.

mod limits;

use std::collections::BTreeSet;

use cape_core::session::Mode;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Deserializer, de};

use crate::error::StartError;
use crate::jail::Layer;
pub(crate) use limits::{Limits, TighterLimits};

/// What the measured file says.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// What the runtime is for.
    #[serde(deserialize_with = "mode")]
    pub(crate) mode: Mode,
    /// Where the vault's secret may come from.
    pub(crate) vault_backends: BTreeSet<VaultBackend>,
    /// Whether clients are shown documents that nobody has signed, as QEMU's security module makes them.
    /// In development only.
    #[serde(default)]
    pub(crate) insecure_unsigned_documents: bool,
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

impl Settings {
    /// Reads and checks the file's text.
    pub(crate) fn parse(text: &str) -> Result<Self, StartError> {
        let settings: Self = toml::from_str(text)
            .map_err(|error| StartError::new(format!("settings: {}", one_line(&error))))?;
        settings.limits.check().map_err(|error| StartError::new(format!("settings: {error}")))?;
        if settings.mode == Mode::Production && settings.vault_backends.contains(&VaultBackend::File) {
            return Err(StartError::new("settings: the vault backend \"file\" is for development only"));
        }
        if settings.mode == Mode::Production && settings.insecure_unsigned_documents {
            return Err(StartError::new("settings: insecure_unsigned_documents is for development only"));
        }
        if settings.tls.roots.is_empty() && settings.vault_backends.contains(&VaultBackend::AwsKms) {
            return Err(StartError::new("settings: the vault backend \"aws-kms\" needs tls.roots"));
        }
        settings.isolation.check(settings.mode)?;
        settings.check_processors()?;
        Ok(settings)
    }

    /// Takes the limits that the host asks for, none of which may be looser.
    pub(crate) fn tighten(&mut self, host: &TighterLimits) -> Result<(), StartError> {
        self.limits.tighten(host)?;
        self.check_processors()
    }

    fn check_processors(&self) -> Result<(), StartError> {
        let off = self.isolation.insecure_off.contains(&Layer::ControlGroup);
        if off && self.limits.processors_per_worker.is_some() {
            return Err(StartError::new(
                "settings: limits.processors_per_worker needs the layer control_group, which is off",
            ));
        }
        Ok(())
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
        let mut certificates = CertificateDer::pem_slice_iter(text.as_bytes());
        let (Some(Ok(certificate)), None) = (certificates.next(), certificates.next()) else { return None };
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
    use crate::jail::Processors;

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

    /// One that was passed over would be missed when KMS shows it, and not before.
    #[test]
    fn each_text_of_the_roots_is_one_certificate() {
        let [one, other] = [(); 2].map(|()| cape_kms_double::Root::generate().certificate());
        let parse = |roots: &[&str]| {
            let settings = MINIMAL.replace("\"file\"", "\"aws-kms\"");
            Settings::parse(&format!("{settings}[tls]\nroots = {roots:?}\n"))
                .map(|settings| settings.tls.roots.len())
                .map_err(|error| error.to_string())
        };
        assert_eq!(parse(&[&one, &other]), Ok(2));
        let none = parse(&[]).unwrap_err();
        assert_eq!(none, "settings: the vault backend \"aws-kms\" needs tls.roots");
        let emptied = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "a certificate", emptied, &[&*one, &*other].concat(), &[&*one, emptied].concat()] {
            let error = parse(&[&one, text]).unwrap_err();
            assert!(error.contains("tls.roots are certificates, each as one text of PEM"), "{error}");
        }
    }

    #[test]
    fn production_shows_no_unsigned_document() {
        let unsigned = format!("insecure_unsigned_documents = true\n{MINIMAL}");
        assert!(Settings::parse(&unsigned).unwrap().insecure_unsigned_documents);
        assert!(!Settings::parse(MINIMAL).unwrap().insecure_unsigned_documents);
        let production = unsigned.replace("development", "production").replace("[\"file\"]", "[]");
        let error = Settings::parse(&production).unwrap_err().to_string();
        assert_eq!(error, "settings: insecure_unsigned_documents is for development only");
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
