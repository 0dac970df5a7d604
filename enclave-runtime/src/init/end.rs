use std::process::exit;

use rustix::system::{RebootCommand, reboot};

use super::console::Console;

/// Ends the machine: an enclave is not started again by itself. Where that is refused the kernel panics
/// for want of its first process, and ends it after the time of `panic=`.
pub(super) fn end_machine(console: &Console) -> ! {
    console.drain();
    if let Err(error) = reboot(RebootCommand::Restart) {
        console.say(&format!("error: the machine does not end: {error}"));
    }
    exit(1)
}
