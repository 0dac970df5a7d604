//! `cape-host`: the data path of a host. It moves bytes between clients and enclaves, and between
//! enclaves and what the host has for them; it reads none of them. `cape host run` starts it
//! (`docs/operate/hosts.md`).
//!
//! It is a program of its own, since every byte of `cape-enclave` is measured.

#![forbid(unsafe_code)]

mod address;
mod command;
mod control;
mod enclaves;
mod guests;
mod listener;
mod metrics;
mod operator;
mod pipe;
mod relay;
mod room;
mod serve;
mod socket;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main(std::env::args_os())
}
