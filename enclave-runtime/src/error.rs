use std::fmt;
use std::io;
use std::path::Path;

use serde_json::json;

/// Why the program could not do what its command line says. Ends it with [`StartError::EXIT_CODE`].
#[derive(Debug)]
pub(crate) struct StartError {
    message: String,
}

impl StartError {
    /// The exit code for wrong configuration (sysexits.h, EX_CONFIG).
    pub(crate) const EXIT_CODE: u8 = 78;

    /// An error that says `message`: lower case, no full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// What went wrong with a file.
    pub(crate) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(format!("{what} {}: {error}", path.display()))
    }

    /// One line of JSON, for programs.
    pub(crate) fn to_json(&self) -> String {
        json!({"ok": false, "error": {"code": "CAPE-CFG-001", "message": self.message}}).to_string()
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StartError {}
