use std::fs::File;
use std::io::{Write, stderr};
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::termios::tcdrain;

/// How long the end waits for a console that takes nothing.
const PATIENCE: Duration = Duration::from_secs(1);

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

    /// Waits until all that was said has gone out, since what has not is lost when the machine ends.
    pub(super) fn drain(&self) {
        let Some(console) = self.0.as_ref().and_then(|console| console.try_clone().ok()) else { return };
        let (drained, waits) = mpsc::channel();
        let draining = thread::Builder::new().spawn(move || {
            // What is no terminal has nothing that waits.
            let _ = tcdrain(console);
            let _ = drained.send(());
        });
        if draining.is_ok() {
            let _ = waits.recv_timeout(PATIENCE);
        }
    }
}
