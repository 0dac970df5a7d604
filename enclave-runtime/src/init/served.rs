//! An image that serves functions: the runtime as it is in a process, with the host behind vsock.

use cape_nsm::Device;

use super::contents::Parts;
use super::registers::Registers;
use super::supervision::{Instructions, Supervision};
use crate::command::Simulation;
use crate::error::StartError;
use crate::log;
use crate::net::Address;
use crate::python::Python;
use crate::serve::{self, Configuration};
use crate::vault::Source;

/// Where sessions come in, and where the operator asks.
const SESSIONS: u32 = 7000;
const OPERATOR: u32 = 7001;

/// The host's blob service.
const BLOBS: u32 = 7010;

/// Serves until the host asks for the end.
pub(super) fn serve(parts: Parts, nsm: Device, registers: &Registers, host: u32) -> Result<(), StartError> {
    let supervision = Supervision::begin(host)?;
    log::start();
    tracing::info!(host, pcr0 = registers.image(), "started as the first process of an enclave");
    if registers.is_debug_mode() {
        tracing::warn!("the enclave is in debug mode: its host can read it, and nobody has to trust it");
    }
    let instructions = supervision.instructions();
    let served = instructions
        .and_then(|instructions| configure(parts, nsm, host, &instructions))
        .and_then(serve::serve);
    if let Err(error) = &served {
        eprintln!("{}", error.to_json());
    }
    supervision.end();
    served
}

fn configure(
    parts: Parts,
    nsm: Device,
    host: u32,
    instructions: &Instructions,
) -> Result<Configuration, StartError> {
    let Parts { mut settings, vault } = parts;
    settings.tighten(&instructions.limits)?;
    let vault = vault.ok_or_else(|| StartError::new("the image has no vault, and the host names none"))?;
    tracing::warn!(
        "the vault's secret is part of the image: whoever has the image can read what it protects"
    );
    Ok(Configuration {
        settings,
        python: Python::find_in_image()?,
        vault: Source::Image(vault),
        vault_id: instructions.vault.id,
        nsm: Box::new(nsm),
        simulation: Simulation::default(),
        blobs: Address::Vsock { cid: host, port: BLOBS },
        address: Address::every_vsock(SESSIONS),
        operate: Some(Address::every_vsock(OPERATOR)),
        log_runs: None,
    })
}
