//! The program as the first of an enclave: what an image's `/init` does (`docs/spec/enclave.md`).
//!
//! It makes of the bare kernel what the runtime, or an image's own program, expects of a machine, and
//! ends the machine with it. Whatever fails ends the machine too: there is nobody to repair it.

mod command_line;
mod console;
mod contents;
mod end;
mod entropy;
mod heartbeat;
mod image_file;
mod loopback;
mod machine;
mod mounts;
mod program;
mod registers;
mod served;
mod supervision;
mod unpacked;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use cape_nsm::{Device, Nsm};
use rustix::process::{Pid, getpid};

use crate::error::StartError;
pub(crate) use command_line::COMMAND_LINE;
use console::Console;
use contents::Contents;
pub(crate) use contents::{check_program, check_served};
use registers::Registers;

/// The name that the kernel starts the first program by.
const NAME: &str = "/init";

/// Whether this process is the first of an enclave: nothing else is the machine's first process and has
/// that name.
pub(crate) fn is_called_for(arguments: &mut impl Iterator<Item = OsString>) -> bool {
    is_init(getpid(), arguments.next().as_deref())
}

fn is_init(process: Pid, name: Option<&OsStr>) -> bool {
    process == Pid::INIT && name == Some(OsStr::new(NAME))
}

/// Runs what the image has, and ends the machine. Arguments and environment are those parts of the
/// command line that the kernel did not know, so they are not looked at.
pub(crate) fn main() -> ! {
    let console = Console::new();
    let ended = catch_unwind(AssertUnwindSafe(|| run(&console)));
    console.say(&match ended {
        Ok(ended) => last_words(ended),
        Err(_) => "error: the runtime failed".to_owned(),
    });
    end::end_machine(&console)
}

/// One line; what to do about an error is said where there is room for it.
fn last_words(ended: Result<(), StartError>) -> String {
    match ended {
        Ok(()) => "the end".to_owned(),
        Err(error) => format!("error: {}", error.message()),
    }
}

fn run(console: &Console) -> Result<(), StartError> {
    unpacked::check(Path::new(unpacked::LAST))?;
    // Before anything is mounted, since the places for it are the image's own, and links may be among them.
    let contents = Contents::read(Path::new(contents::FOLDER))?;
    mounts::mount_below(Path::new(mounts::ROOT)).map_err(failed("the image's root"))?;
    command_line::check(&fs::read(mounts::ROOT_COMMAND_LINE).map_err(failed("/proc/cmdline"))?)?;
    mounts::enter(Path::new(mounts::ROOT), contents.writes_to_its_root())
        .map_err(failed("the image's root"))?;
    machine::set_up()?;
    let nsm = Device::open().map_err(failed("/dev/nsm"))?;
    let registers = ask_security_module(&nsm)?;
    let host = heartbeat::beat()?;
    match contents {
        Contents::Program(program) => program.run(console).map_err(failed("the program")),
        Contents::Served(parts) => served::serve(*parts, nsm, &registers, host),
    }
}

/// What comes before the first byte of the host: random bytes that it has no part in, and what was measured.
fn ask_security_module(nsm: &dyn Nsm) -> Result<Registers, StartError> {
    entropy::seed(nsm)?;
    Registers::read(nsm)
}

/// An error of which it has to be said what it is about.
fn failed<E: fmt::Display>(what: &str) -> impl Fn(E) -> StartError {
    move |error| StartError::new(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A module that fails, and what it was asked.
    #[derive(Default)]
    struct Failing(Mutex<Vec<Vec<u8>>>);

    impl Nsm for Failing {
        fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, cape_nsm::Error> {
            self.0.lock().unwrap().push(request.to_vec());
            Err(cape_nsm::Error::InternalError)
        }
    }

    #[test]
    fn without_random_bytes_of_the_module_there_is_nothing_more() {
        let nsm = Failing::default();
        let error = ask_security_module(&nsm).err().unwrap().to_string();
        assert_eq!(error, "no random bytes: the NSM failed");
        let asked = nsm.0.into_inner().unwrap();
        assert_eq!(asked.len(), 1);
        assert!(asked[0].ends_with(b"GetRandom"), "{asked:?}");
    }

    #[test]
    fn the_console_is_told_the_end_in_one_line() {
        let denied = StartError::new("KMS refused: AccessDeniedException").hint("look at the key's policy");
        assert_eq!(last_words(Err(denied)), "error: KMS refused: AccessDeniedException");
        assert_eq!(last_words(Ok(())), "the end");
    }

    #[test]
    fn only_the_first_process_of_that_name_is_an_enclaves() {
        let (first, other) = (Pid::INIT, Pid::from_raw(2).unwrap());
        assert!(is_init(first, Some(OsStr::new("/init"))));
        for name in [None, Some("init"), Some("/sbin/init"), Some("cape-enclave"), Some("")] {
            assert!(!is_init(first, name.map(OsStr::new)), "{name:?}");
        }
        assert!(!is_init(other, Some(OsStr::new("/init"))));
    }
}
