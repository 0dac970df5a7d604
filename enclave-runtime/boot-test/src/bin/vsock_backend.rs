//! `vsock-backend --socket PATH --folder DIR [--guest-cid N] [--host-cids N,N]`: the host's side of a
//! machine's vsock. QEMU connects to PATH; DIR is where the host's own sockets are.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use cape_boot_test::vsock::serve;
use cape_boot_test::vsock::switch::{Sides, Switch};
use lexopt::prelude::*;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vsock-backend: error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (mut socket, mut folder, mut guest_cid, mut host_cids) = (None, None, 4, vec![3, 2]);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("socket") => socket = Some(PathBuf::from(arguments.value()?)),
            Long("folder") => folder = Some(PathBuf::from(arguments.value()?)),
            Long("guest-cid") => guest_cid = arguments.value()?.parse()?,
            Long("host-cids") => {
                let numbers = arguments.value()?.string()?;
                host_cids = numbers.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let socket = socket.ok_or("--socket is needed")?;
    let folder = folder.ok_or("--folder is needed")?;
    serve(&socket, Switch::new(Sides { folder, guest_cid, host_cids })?)
}
