//! `/init` of an image for tests of the machine itself: the packets of vsock, the security module, and what
//! the kernel has. The host calls port 7100 and sends a line for each thing to be done.

#[path = "probe/attempts.rs"]
mod attempts;

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::thread;

use cape_nsm::{AttestationFields, Device, Nsm};
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot};
use serde_json::{Value, json};
use vsock::{VMADDR_CID_ANY, VsockListener, VsockStream};

const PORT: u32 = 7100;

fn main() {
    if let Err(error) = serve() {
        println!("probe: error: {error}");
    }
    // The end of PID 1 would be a panic of the kernel.
    let _ = reboot(RebootCommand::Restart);
}

/// Serves until it is told to end, each caller in a thread of its own.
fn serve() -> Result<(), Box<dyn Error>> {
    for (kind, place) in [("devtmpfs", "/dev"), ("proc", "/proc")] {
        mount(kind, place, kind, MountFlags::empty(), None)?;
    }
    let listener = VsockListener::bind_with_cid_port(VMADDR_CID_ANY, PORT)?;
    println!("probe: ready");
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || {
            if let Err(error) = answer(&stream) {
                let _ = writeln!(&stream, "{}", json!({ "error": error.to_string() }));
                println!("probe: error: {error}");
            }
        });
    }
}

fn answer(stream: &VsockStream) -> Result<(), Box<dyn Error>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["echo"] => {
            io::copy(&mut reader, &mut &*stream)?;
            stream.shutdown(Shutdown::Write)?;
        }
        ["send", cid, port, bytes, at_once] => {
            let (cid, port) = (cid.parse()?, port.parse()?);
            writeln!(&*stream, "{}", send(cid, port, bytes.parse()?, at_once.parse()?)?)?;
        }
        ["module"] => writeln!(&*stream, "{}", module()?)?,
        ["try", kind, ref things @ ..] => {
            let answers = attempts::each(kind, things).ok_or("no such kind of attempts")??;
            writeln!(&*stream, "{answers}")?;
        }
        ["end"] => reboot(RebootCommand::Restart)?,
        _ => return Err(format!("{line:?} is not known").into()),
    }
    Ok(())
}

/// Sends bytes to a port of the host, so many in each write, and the end; how many came back.
fn send(cid: u32, port: u32, bytes: usize, at_once: usize) -> Result<Value, Box<dyn Error>> {
    let mut host = VsockStream::connect_with_cid_port(cid, port)?;
    let part = vec![7; at_once];
    let mut left = bytes;
    while left > 0 {
        let written = host.write(&part[..at_once.min(left)])?;
        left -= written;
    }
    host.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    host.read_to_end(&mut answer)?;
    Ok(json!({ "answer": answer.len() }))
}

/// The module's registers from one state to the next: what it answers at each step.
fn module() -> Result<Value, Box<dyn Error>> {
    let module = Device::open()?;
    let described = module.describe().map_err(told)?;
    let register = |index| module.describe_pcr(index).map(|register| register.data.to_vec()).map_err(told);
    let before: Vec<_> = (0..32).map(register).collect::<Result<_, _>>()?;
    let extended: Vec<_> = (0..33).map(|index| outcome(module.extend_pcr(index, b"x").map(drop))).collect();
    let after: Vec<_> = (0..32).map(register).collect::<Result<_, _>>()?;
    let locked = outcome(module.lock_pcr(16));
    let locked_again = outcome(module.lock_pcr(16));
    let extended_locked = outcome(module.extend_pcr(16, b"x").map(drop));
    let range = outcome(module.lock_pcrs(18));
    let extended_in_range = outcome(module.extend_pcr(17, b"x").map(drop));
    let beyond = outcome(module.lock_pcrs(33));
    let fields = AttestationFields { user_data: Some(b"data"), nonce: Some(b"nonce"), public_key: None };
    let document = module.attest(fields).map_err(told)?;
    let (first, second) = (module.random().map_err(told)?, module.random().map_err(told)?);
    Ok(json!({
        "module_id": described.module_id,
        "locked_at_boot": described.locked_pcrs,
        "before": before,
        "extended": extended,
        "after": after,
        "locked": locked,
        "locked_again": locked_again,
        "extended_locked": extended_locked,
        "range": range,
        "extended_in_range": extended_in_range,
        "beyond": beyond,
        "document": document,
        "random": [first, second],
    }))
}

fn outcome(result: Result<(), cape_nsm::Error>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |()| "done".into())
}

fn told(error: cape_nsm::Error) -> String {
    format!("the module answers {error:?}")
}
