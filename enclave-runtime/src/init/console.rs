use std::fs::File;
use std::io::{Write, stderr};
use std::os::fd::AsFd;

/// The machine's console, which the kernel opened for its first program. On Nitro it is read in debug mode
/// only, so nothing relies on it.
pub(super) struct Console(Option<File>);

impl Console {
    /// Keeps it, whatever becomes of standard error.
    pub(super) fn new() -> Self {
        Self(stderr().as_fd().try_clone_to_owned().ok().map(File::from))
    }

    /// Tells whoever looks at it.
    pub(super) fn say(&self, what: &str) {
        if let Some(mut console) = self.0.as_ref() {
            // Where nobody can be told there is nothing to do about it.
            let _ = writeln!(console, "cape-enclave: {what}");
        }
    }
}
