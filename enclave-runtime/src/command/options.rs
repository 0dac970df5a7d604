use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;

use crate::error::StartError;

/// Why a command did not succeed.
#[derive(Debug)]
pub(super) enum CommandError {
    /// The arguments make no sense.
    Usage(String),
    /// What they ask for cannot be done.
    Start {
        /// Why.
        error: StartError,
        /// Whether a program is to read it.
        json: bool,
    },
}

impl CommandError {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Start { .. } => ExitCode::from(StartError::EXIT_CODE),
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => write!(f, "cape-enclave: error: {message}"),
            Self::Start { error, json: false } => write!(f, "cape-enclave: error: {error}"),
            Self::Start { error, json: true } => f.write_str(&error.to_json()),
        }
    }
}

impl From<lexopt::Error> for CommandError {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

/// The options of one command: each takes a value and is given once, and all but some must be there.
pub(super) struct Options {
    values: Vec<(&'static str, Option<OsString>)>,
    json: bool,
}

/// What was given.
pub(super) enum Given {
    /// Help was asked for instead.
    Help,
    /// Every option.
    Options(Options),
}

impl Options {
    /// Reads the rest of the command line, which has the options `required` and may have `--json`.
    pub(super) fn read(
        parser: &mut lexopt::Parser,
        required: &[&'static str],
    ) -> Result<Given, CommandError> {
        Self::read_with(parser, required, &[])
    }

    /// As `read`, where the options `optional` may be there too.
    pub(super) fn read_with(
        parser: &mut lexopt::Parser,
        required: &[&'static str],
        optional: &[&'static str],
    ) -> Result<Given, CommandError> {
        let names = required.iter().chain(optional);
        let mut options = Self { values: names.map(|name| (*name, None)).collect(), json: false };
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(Given::Help),
                Long("json") => options.json = true,
                Long(name) => {
                    let Some(index) = options.values.iter().position(|(known, _)| *known == name) else {
                        return Err(argument.unexpected().into());
                    };
                    let name = options.values[index].0;
                    if options.values[index].1.replace(parser.value()?).is_some() {
                        return Err(CommandError::usage(format!("--{name} is given twice")));
                    }
                }
                _ => return Err(argument.unexpected().into()),
            }
        }
        match options.values.iter().find(|(name, value)| value.is_none() && required.contains(name)) {
            Some((name, _)) => Err(CommandError::usage(format!("--{name} is missing"))),
            None => Ok(Given::Options(options)),
        }
    }

    /// The value of an option, as a path.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.value(name))
    }

    /// The value of an option, as what it stands for.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, CommandError> {
        let value = self.value(name);
        let parsed = value.to_str().and_then(parse);
        parsed.ok_or_else(|| CommandError::usage(format!("--{name} {value:?} is not {expected}")))
    }

    /// The value of an option that may be left out, as what it stands for.
    pub(super) fn optional<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, CommandError> {
        if self.has(name) {
            return self.parsed(name, expected, parse).map(Some);
        }
        Ok(None)
    }

    /// Whether an option that may be left out was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.iter().any(|(known, value)| *known == name && value.is_some())
    }

    /// An error of what the command does, in the form that was asked for.
    pub(super) fn error(&self) -> impl Fn(StartError) -> CommandError + use<> {
        let json = self.json;
        move |error| CommandError::Start { error, json }
    }

    fn value(&self, name: &str) -> OsString {
        let given = self.values.iter().find(|(known, _)| *known == name);
        given.and_then(|(_, value)| value.clone()).unwrap_or_default()
    }
}
