//! `policy.toml`: a policy as people write and hand it on (`docs/spec/attestation.md`, policy file).

use core::fmt;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use toml::value::Datetime;

use super::policy::{Policy, PolicyError};
use super::release::Release;
use crate::encoding::hex;
use crate::excerpt::printable;
use crate::{ErrorCode, UnixTime};

/// Bytes of a policy file that is read.
const MAX_LENGTH: usize = 1 << 20;

impl Policy {
    /// Reads the text of a policy file.
    ///
    /// # Errors
    /// [`PolicyFileError`], for more than a MiB too.
    pub fn from_toml(text: &str) -> Result<Self, PolicyFileError> {
        if text.len() > MAX_LENGTH {
            return Err(PolicyFileError::TooLong { length: text.len() });
        }
        let file: File = toml::from_str(text).map_err(|error| PolicyFileError::form(text, &error))?;
        let releases = file.release.into_iter().map(|entry| entry.0).collect();
        Self::new(releases).map_err(PolicyFileError::Policy)
    }

    /// The text of a policy file. A policy that accepts any code has none: the text is empty, and is
    /// refused when it is read.
    pub fn to_toml(&self) -> String {
        self.releases().map(release_to_toml).collect::<Vec<_>>().join("\n")
    }
}

/// Why a policy file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyFileError {
    /// It is not TOML, or a value is not of the right kind; with line and column.
    Form(String),
    /// More than a MiB.
    TooLong {
        /// Bytes there are.
        length: usize,
    },
    /// It can be read, but makes no policy.
    Policy(PolicyError),
}

impl PolicyFileError {
    fn form(text: &str, error: &toml::de::Error) -> Self {
        let message = printable(error.message());
        let before = error.span().and_then(|span| text.get(..span.start));
        Self::Form(before.map_or(message.clone(), |before| {
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!("line {line}, column {column}: {message}")
        }))
    }

    /// The class of this error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::ConfigError
    }
}

impl fmt::Display for PolicyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(reason) => write!(f, "policy file: {reason}"),
            Self::TooLong { length } => {
                write!(f, "policy file: it has {length} bytes, at most {MAX_LENGTH} are read")
            }
            Self::Policy(error) => write!(f, "policy file: {error}"),
        }
    }
}

impl core::error::Error for PolicyFileError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    release: Vec<Entry>,
}

/// A release as its table: `pcr0` to `pcr31`, `name`, `vault`, `not_after`.
struct Entry(Release);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a release")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let mut name = None;
        let mut release =
            Release { name: String::new(), pcrs: BTreeMap::new(), vault: None, not_after: None };
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "name" => name = Some(map.next_value()?),
                "vault" => release.vault = Some(digits(&key, &map.next_value::<String>()?)?),
                "not_after" => release.not_after = Some(last_moment(map.next_value()?)?),
                _ => match register(&key) {
                    Some(index) => {
                        release.pcrs.insert(index, digits(&key, &map.next_value::<String>()?)?);
                    }
                    None => {
                        map.next_value::<IgnoredAny>()?;
                        return Err(A::Error::custom(format!(
                            "{key:?} is not known: name, pcr0 to pcr31, vault, not_after"
                        )));
                    }
                },
            }
        }
        release.name = name.ok_or_else(|| A::Error::missing_field("name"))?;
        Ok(Entry(release))
    }
}

/// The index in `pcr0` to `pcr31`.
fn register(key: &str) -> Option<u8> {
    let digits = key.strip_prefix("pcr")?;
    let index: u8 = digits.parse().ok()?;
    (index < 32 && index.to_string() == digits).then_some(index)
}

fn digits<const N: usize, E: serde::de::Error>(key: &str, text: &str) -> Result<[u8; N], E> {
    hex::decode_array(&text.to_ascii_lowercase())
        .ok_or_else(|| E::custom(format!("{key} has to be {} hexadecimal digits", 2 * N)))
}

/// A date is meant to its end, in UTC; a time needs an offset, and only UTC's is taken.
fn last_moment<E: serde::de::Error>(value: Datetime) -> Result<UnixTime, E> {
    let text = value.to_string();
    let moment = if value.time.is_none() { format!("{text}T23:59:59Z") } else { text.clone() };
    UnixTime::parse(&moment).ok_or_else(|| {
        E::custom(format!("not_after is {text}: a date (2027-01-31) or a time in UTC (2027-01-31T12:00:00Z)"))
    })
}

fn release_to_toml(release: &Release) -> String {
    let mut lines = vec!["[[release]]".to_owned(), format!("name = {}", quoted(&release.name))];
    lines
        .extend(release.pcrs.iter().map(|(index, value)| format!("pcr{index} = \"{}\"", hex::encode(value))));
    lines.extend(release.vault.map(|vault| format!("vault = \"{}\"", hex::encode(&vault))));
    lines.extend(release.not_after.map(|not_after| format!("not_after = {not_after}")));
    lines.join("\n") + "\n"
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let escape = |symbol: char| match symbol {
        '"' | '\\' => format!("\\{symbol}"),
        control if control.is_control() => format!("\\u{:04X}", u32::from(control)),
        other => other.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pcr(digit: char) -> String {
        digit.to_string().repeat(96)
    }

    #[test]
    fn what_is_written_is_read() {
        let text = format!(
            "[[release]]\nname = \"runtime \\\"1\\\"\"\npcr0 = \"{}\"\npcr8 = \"{}\"\nvault = \"{}\"\nnot_after = 2027-01-31\n\n\
             [[release]]\nname = \"two\"\npcr1 = \"{}\"\npcr2 = \"{}\"\n",
            pcr('a'),
            pcr('B'),
            "1".repeat(64),
            pcr('2'),
            pcr('3')
        );
        let policy = Policy::from_toml(&text).unwrap();
        let [one, two] = policy.releases().collect::<Vec<_>>()[..] else { panic!("two releases") };
        assert_eq!(one.name, "runtime \"1\"");
        assert_eq!(one.pcrs[&8], [0xbb; 48]);
        assert_eq!(one.not_after, UnixTime::parse("2027-01-31T23:59:59Z"));
        assert_eq!(two.vault, None);
        assert_eq!(Policy::from_toml(&policy.to_toml()).unwrap(), policy);
    }

    #[test]
    fn any_name_survives() {
        for name in ["", "\"", "\\", "a\nb", "\u{7f}\u{85}\u{1f980}", "# = [x]", "'''"] {
            let pcrs = BTreeMap::from([(0, [1; 48])]);
            let release = Release { name: name.to_owned(), pcrs, vault: None, not_after: None };
            let policy = Policy::new(vec![release]).unwrap();
            assert_eq!(Policy::from_toml(&policy.to_toml()), Ok(policy), "{name:?}");
        }
    }

    #[test]
    fn what_an_error_quotes_is_short_and_printable() {
        for text in [
            format!("[[release]]\nname = \"\u{1b}[2J{}\"\n", "x".repeat(10_000)),
            format!("\"{}\" = 1\n", "\\n".repeat(10_000)),
            format!("\"a\\nFORGED {}\" = 1\n", "x".repeat(10_000)),
        ] {
            let error = Policy::from_toml(&text).unwrap_err().to_string();
            assert!(error.len() < 1000 && !error.contains(['\u{1b}', '\n']), "{error:?}");
            assert!(error.starts_with("policy file: line "), "{error:?}");
        }
    }

    #[test]
    fn a_file_of_more_than_a_mebibyte() {
        let text = "#".repeat(MAX_LENGTH + 1);
        assert_eq!(Policy::from_toml(&text), Err(PolicyFileError::TooLong { length: MAX_LENGTH + 1 }));
    }

    #[test]
    fn files_that_are_refused() {
        let release = |lines: &str| format!("[[release]]\nname = \"x\"\n{lines}\n");
        let good = format!("pcr0 = \"{}\"", pcr('1'));
        assert!(Policy::from_toml(&release(&good)).is_ok());
        for (text, reason) in [
            (String::new(), "without a release"),
            (release(""), "pins"),
            (release(&format!("{good}\npcr32 = \"{}\"", pcr('1'))), "pcr32"),
            (release(&format!("{good}\npcr01 = \"{}\"", pcr('1'))), "pcr01"),
            (release(&format!("{good}\n{good}")), "duplicate"),
            (release("pcr0 = \"12\""), "96 hexadecimal digits"),
            (release(&format!("{good}\nvault = 5")), "invalid type"),
            (release(&format!("{good}\nvault = \"12\"")), "64 hexadecimal digits"),
            (release(&format!("{good}\nnot_after = 2027-01-31T12:00:00")), "a time in UTC"),
            (release(&format!("{good}\nnot_after = 2027-01-31T12:00:00+00:00")), "a time in UTC"),
            (release(&format!("{good}\nnot_after = 2027-01-31T12:00:00.5Z")), "a time in UTC"),
            (release(&format!("{good}\nnot_after = 12:00:00")), "a time in UTC"),
            (release(&format!("{good}\nnot_after = 1969-12-31")), "a time in UTC"),
            (release(&format!("{good}\nnot_after = \"soon\"")), "invalid type"),
            (format!("releases = 1\n{}", release(&good)), "unknown field"),
            (format!("[[release]]\n{good}\n"), "missing field"),
            ("release = 3".to_owned(), "invalid type"),
            ("[[".to_owned(), "line 1, column 3"),
        ] {
            let error = Policy::from_toml(&text).unwrap_err();
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
    }
}
