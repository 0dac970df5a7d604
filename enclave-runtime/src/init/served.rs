//! An image that serves functions: the runtime as it is in a process, with the host behind vsock.

use std::fs::{self, Permissions};
use std::io::{self, Write, stderr, stdout};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use cape_nsm::{Device, Nsm};

use super::contents::Parts;
use super::failed;
use super::registers::Registers;
use super::supervision::{Instructions, Supervision, Task, VaultToCreate};
use crate::command::Simulation;
use crate::error::StartError;
use crate::log::{self, Bounded};
use crate::net::Address;
use crate::python::Python;
use crate::serve::{self, Configuration};
use crate::settings::Settings;
use crate::stop::Requests;
use crate::vault::kms::{Pipe, Service};
use crate::vault::{self, Source};

/// The device, which the kernel lets everybody open.
const SECURITY_MODULE: &str = "/dev/nsm";

/// Where sessions come in, and where the operator asks.
const SESSIONS: u32 = 7000;
const OPERATOR: u32 = 7001;

/// The host's blob service, and its byte pipe to KMS.
const BLOBS: u32 = 7010;
const KMS: u32 = 7012;

/// Does what the host asks for first: serves until it asks for the end, or makes a vault.
pub(super) fn serve(parts: Parts, nsm: Device, registers: &Registers, host: u32) -> Result<(), StartError> {
    // What functions run as cannot ask for documents then, whatever they come to see.
    fs::set_permissions(SECURITY_MODULE, Permissions::from_mode(0o600)).map_err(failed(SECURITY_MODULE))?;
    let supervision = Supervision::begin(host)?;
    log::start();
    tracing::info!(host, pcr0 = registers.image(), "started as the first process of an enclave");
    if registers.is_debug_mode() {
        tracing::warn!("the enclave is in debug mode: its host can read it, and nobody has to trust it");
    }
    let done = supervision.instructions().and_then(|instructions| follow(instructions, parts, nsm, host));
    if let Err(error) = &done {
        // A host that is gone is not told.
        let _ = say(stderr(), &error.to_json());
    }
    done
}

fn follow(instructions: Instructions, parts: Parts, nsm: Device, host: u32) -> Result<(), StartError> {
    let Parts { mut settings, vault } = parts;
    settings.tighten(&instructions.limits)?;
    let kms = |access| Service { access, pipe: Pipe::Vsock { cid: host, port: KMS } };
    let wanted = match instructions.task {
        Task::Serve(wanted) => wanted,
        Task::CreateVault(VaultToCreate { kms: access }) => {
            return create_vault(&settings, &kms(access), nsm);
        }
    };
    let vault = match (vault, wanted.kms) {
        (Some(vault), None) => Source::Image(vault),
        (None, Some(access)) => Source::Kms(Box::new(kms(access))),
        (Some(_), Some(_)) => {
            return Err(StartError::new("the image has a vault, and the host names KMS for one"));
        }
        (None, None) => {
            return Err(StartError::new("the image has no vault, and the host names no KMS for one"));
        }
    };
    serve::serve(Configuration {
        settings,
        python: Python::find_in_image()?,
        vault,
        vault_id: wanted.id,
        nsm: Box::new(nsm),
        simulation: Simulation::default(),
        blobs: Address::Vsock { cid: host, port: BLOBS },
        address: Address::every_vsock(SESSIONS),
        operate: Some(Address::every_vsock(OPERATOR)),
        log_runs: None,
    })
}

/// Makes a vault that KMS keeps, and tells the host what to keep of it, unless that asks for the end before.
fn create_vault(settings: &Settings, kms: &Service, nsm: Device) -> Result<(), StartError> {
    serve::warn_of_unsigned_documents(settings);
    let nsm: Arc<dyn Nsm> = Arc::new(nsm);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed("no timers"))?;
    let created = runtime.block_on(async {
        let mut requests = Requests::listen()?;
        tokio::select! {
            created = vault::kms::create(settings, kms, &nsm) => created.map(Some),
            () = requests.first() => Ok(None),
        }
    });
    // What still reads standard input is not waited for.
    runtime.shutdown_background();
    match created? {
        Some(created) => {
            say(stdout(), &created.to_json()).map_err(failed("the vault was made, and cannot be told"))
        }
        None => Ok(()),
    }
}

/// Writes a line to the host.
fn say(stream: impl Write, line: &str) -> io::Result<()> {
    let mut stream = Bounded(stream);
    stream.write_all(line.as_bytes())?;
    stream.write_all(b"\n")?;
    stream.flush()
}
