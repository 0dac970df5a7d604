//! The program of an image that was made of a container's: it tells the host, which calls port 7100 and sends
//! a line for each thing to be done, what it finds of its world.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, exit};
use std::time::Duration;
use std::{env, fs, thread};

use cape_nsm::{Device, Nsm};
use rustix::process::{Pid, Signal, getgid, getgroups, getpid, getppid, getuid, kill_process};
use serde_json::{Value, json};
use vsock::{VMADDR_CID_ANY, VsockListener, VsockStream};

const PORT: u32 = 7100;

/// What it calls itself where it is not the program, but a process that the program has started.
const PARENT: &str = "parent";
const CHILD: &str = "child";

const PAUSE: Duration = Duration::from_millis(10);

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some(PARENT) => start(CHILD).map(|child| println!("{child}")),
        Some(CHILD) => wait_until_adopted(),
        _ => serve(),
    }
}

fn serve() -> Result<(), Box<dyn Error>> {
    let listener = VsockListener::bind_with_cid_port(VMADDR_CID_ANY, PORT)?;
    loop {
        let (stream, _) = listener.accept()?;
        let answer = answer(&stream).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        writeln!(&stream, "{answer}")?;
    }
}

fn answer(stream: &VsockStream) -> Result<Value, Box<dyn Error>> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    Ok(match words[..] {
        ["itself"] => itself()?,
        ["list", folder] => names(folder)?.into(),
        ["read", file] => fs::read_to_string(file)?.into(),
        ["write", file] => fs::write(file, "written").map(|()| fs::read_to_string(file))??.into(),
        ["registers"] => registers()?,
        ["orphan"] => orphan()?,
        ["exit", code] => exit(code.parse()?),
        ["kill"] => kill_process(getpid(), Signal::KILL).map(|()| Value::Null)?,
        _ => return Err(format!("{line:?} is not known").into()),
    })
}

/// Who it is, and what it was given.
fn itself() -> Result<Value, Box<dyn Error>> {
    Ok(json!({
        "argv": env::args().collect::<Vec<_>>(),
        "env": env::vars().collect::<BTreeMap<_, _>>(),
        "cwd": env::current_dir()?,
        "uid": getuid().as_raw(),
        "gid": getgid().as_raw(),
        "groups": getgroups()?.into_iter().map(|group| group.as_raw()).collect::<Vec<_>>(),
        "parent": Pid::as_raw(getppid()),
    }))
}

fn names(folder: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>, std::io::Error>>()?;
    names.sort();
    Ok(names)
}

/// What the security module has measured of the image.
fn registers() -> Result<Value, Box<dyn Error>> {
    let module = Device::open()?;
    let register = |index| module.describe_pcr(index).map(|register| register.data.to_vec());
    let registers = (0..3).map(register).collect::<Result<Vec<_>, _>>();
    registers.map(Value::from).map_err(|error| format!("{error:?}").into())
}

/// Leaves a process behind, and waits until nothing is left of that: which somebody has waited for.
fn orphan() -> Result<Value, Box<dyn Error>> {
    let parent = Command::new(env::current_exe()?).arg(PARENT).output()?;
    let child: u32 = String::from_utf8(parent.stdout)?.trim().parse()?;
    while fs::exists(format!("/proc/{child}"))? {
        thread::sleep(PAUSE);
    }
    Ok(json!({ "waited_for": child }))
}

fn start(role: &str) -> Result<u32, Box<dyn Error>> {
    Ok(Command::new(env::current_exe()?).arg(role).spawn()?.id())
}

fn wait_until_adopted() -> Result<(), Box<dyn Error>> {
    while getppid() != Some(Pid::INIT) {
        thread::sleep(PAUSE);
    }
    Ok(())
}
