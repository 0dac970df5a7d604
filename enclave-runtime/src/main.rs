//! `cape-enclave`: the supervisor that runs inside the enclave, as its first process, and on a laptop as
//! an ordinary one. It speaks the session protocol (`docs/spec/session.md`), keeps the vault
//! (`docs/spec/trust.md`), and runs functions in workers.

#![deny(unsafe_code)]

mod attestation;
mod blobs;
mod bundle;
mod c_library;
mod clock;
#[allow(unsafe_code)] // descriptors that a worker is started with
mod command;
mod connection;
mod error;
#[cfg(test)]
#[allow(unsafe_code)] // an allocator
#[path = "../../crates/cape-core/tests/freed_blocks/mod.rs"]
mod freed_blocks;
mod functions;
#[allow(unsafe_code)] // numbers of ioctl(2)
mod init;
#[allow(unsafe_code)] // system calls that have no safe form
mod jail;
mod lingering;
mod listener;
mod log;
mod measure;
mod metrics;
mod net;
mod operations;
mod operator;
mod python;
mod rate;
mod runtime;
mod secret_json;
mod serve;
mod settings;
mod standard_input;
mod stop;
mod storage;
mod store;
mod tasks;
mod vault;
mod warm;
#[allow(unsafe_code)] // new processes, and the clock of another one
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    if init::is_called_for(&mut std::env::args_os()) {
        init::main();
    }
    command::main(std::env::args_os())
}
