//! Things that are tried, with all rights, and what the kernel says to each: a number of errno, 0 where it
//! went.

use std::error::Error;
use std::ffi::CStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, mount};
use rustix::net::{AddressFamily, SocketType, socket};
use serde_json::{Value, json};

const PLACE: &str = "/attempt";

/// What comes of each of the things of a kind; `None` for a kind that is not known.
pub(crate) fn each(kind: &str, things: &[&str]) -> Option<Result<Value, Box<dyn Error>>> {
    let attempt = match kind {
        "calls" => call,
        "devices" => open_device,
        "families" => open_socket,
        "mounts" => mount_file_system,
        "paths" => open,
        "programs" => run,
        _ => return None,
    };
    Some(things.iter().map(|thing| attempt(thing)).collect())
}

/// The system call of that number, without arguments.
fn call(number: &str) -> Result<Value, Box<dyn Error>> {
    // SAFETY: those that tests try take at most addresses, which are null here.
    let result = unsafe { libc::syscall(number.parse()?, 0, 0, 0, 0, 0, 0) };
    Ok(errno(if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }))
}

/// A character device, by `MAJOR:MINOR`.
fn open_device(numbers: &str) -> Result<Value, Box<dyn Error>> {
    let (major, minor) = numbers.split_once(':').ok_or("no MAJOR:MINOR")?;
    let device = makedev(major.parse()?, minor.parse()?);
    mknodat(CWD, PLACE, FileType::CharacterDevice, Mode::RUSR, device)?;
    let answer = open(PLACE);
    fs::remove_file(PLACE)?;
    answer
}

fn open_socket(family: &str) -> Result<Value, Box<dyn Error>> {
    let opened = socket(AddressFamily::from_raw(family.parse()?), SocketType::DGRAM, None);
    Ok(errno(opened.map(drop).map_err(Into::into)))
}

fn mount_file_system(kind: &str) -> Result<Value, Box<dyn Error>> {
    fs::create_dir_all("/mounted")?;
    Ok(errno(mount(kind, "/mounted", kind, MountFlags::empty(), None::<&CStr>).map_err(Into::into)))
}

fn open(path: &str) -> Result<Value, Box<dyn Error>> {
    Ok(errno(File::open(path).map(drop)))
}

/// A program, by its bytes in hexadecimal digits; what it ends with is told as by shells.
fn run(digits: &str) -> Result<Value, Box<dyn Error>> {
    let digit = |at| u8::from_str_radix(digits.get(at..at + 2).unwrap_or_default(), 16);
    let program: Vec<u8> = (0..digits.len()).step_by(2).map(digit).collect::<Result<_, _>>()?;
    fs::write(PLACE, program)?;
    fs::set_permissions(PLACE, Permissions::from_mode(0o700))?;
    let status = Command::new(PLACE).status();
    fs::remove_file(PLACE)?;
    Ok(match status {
        Ok(status) => json!(status.code().or(status.signal().map(|signal| 128 + signal))),
        Err(error) => errno(Err(error)),
    })
}

fn errno(result: io::Result<()>) -> Value {
    json!(result.err().map_or(0, |error| error.raw_os_error().unwrap_or(-1)))
}
