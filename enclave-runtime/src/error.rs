use std::fmt;
use std::io;
use std::path::Path;

use serde_json::json;

/// Why the program could not do what its command line says. Ends it with [`StartError::EXIT_CODE`].
#[derive(Debug)]
pub(crate) struct StartError {
    message: String,
    hint: Option<&'static str>,
}

impl StartError {
    /// The exit code for wrong configuration (sysexits.h, EX_CONFIG).
    pub(crate) const EXIT_CODE: u8 = 78;

    /// An error that says `message`: lower case, no full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// With what to do about it: lower case, no full stop.
    #[must_use]
    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// What it says, without what to do about it.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What went wrong with a file.
    pub(crate) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(format!("{what} {}: {error}", path.display()))
    }

    /// One line of JSON, for programs.
    pub(crate) fn to_json(&self) -> String {
        let mut error = json!({"code": "CAPE-CFG-001", "message": self.message});
        if let Some(hint) = self.hint {
            error["hint"] = hint.into();
        }
        json!({"ok": false, "error": error}).to_string()
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.map_or(Ok(()), |hint| write!(f, "\n\nhint: {hint}"))
    }
}

impl std::error::Error for StartError {}
