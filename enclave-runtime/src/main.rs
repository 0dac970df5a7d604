//! `cape-enclave`: the supervisor that runs inside the enclave, and on a laptop as an ordinary
//! process. It speaks the session protocol (`docs/spec/session.md`), keeps the vault
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
mod functions;
#[allow(unsafe_code)] // system calls that have no safe form
mod jail;
mod lingering;
mod listener;
mod measure;
mod metrics;
mod net;
mod operations;
mod operator;
mod python;
mod rate;
mod runtime;
mod serve;
mod settings;
mod standard_input;
mod stop;
mod storage;
mod store;
mod vault;
mod warm;
#[allow(unsafe_code)] // new processes, and the clock of another one
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main(std::env::args_os())
}
