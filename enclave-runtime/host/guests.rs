//! What the host has for its enclaves: services on ports of vsock, each a pipe to somewhere else.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::address::Address;
use crate::enclaves::connect;
use crate::listener::Listener;
use crate::metrics::{Metrics, Outcome, PipeName};
use crate::pipe::{Enclave, Pipe};
use crate::socket::Socket;

const BLOBS: u32 = 7010;
const SUPERVISION: u32 = 7011;
const KMS: u32 = 7012;

/// Where PID 1 tells that it has booted. `nitro-cli` listens there itself.
const HEARTBEAT: u32 = 9000;
const ALIVE: u8 = 0xb7;

/// Connections at a time that one enclave has to one service.
const CONNECTIONS: usize = 128;

/// How long a service waits for the next byte: longer than the runtime waits for the store.
const IDLE: Duration = Duration::from_secs(120);

/// Supervision is silent for as long as nothing happens.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Virtual machines that the log tells of.
const STRANGERS: usize = 16;

/// How enclaves reach the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Guests {
    /// By vsock; the first has this CID, the others those that follow.
    Vsock { first_cid: u32 },
    /// By Unix sockets: each has a folder of its number in this one.
    Folder(PathBuf),
}

/// Where services lead.
pub(crate) struct Services {
    /// The blob service's.
    pub(crate) blobs: Address,
    /// The one endpoint of KMS.
    pub(crate) kms: Option<Address>,
    /// A folder with a socket for each enclave's supervision, named by its number.
    pub(crate) supervision: PathBuf,
}

impl Guests {
    /// Listens for every enclave on every service's port, and serves until the process ends.
    pub(crate) fn serve(&self, number: usize, services: &Services, metrics: &Arc<Metrics>) -> io::Result<()> {
        let pipe = |name, idle| Pipe::new(name, CONNECTIONS, idle, Arc::clone(metrics));
        let supervision = |number: usize| Address::Unix(services.supervision.join(number.to_string()));
        self.listen(
            SUPERVISION,
            (0..number).map(supervision).collect(),
            &pipe(PipeName::Supervision, FOR_EVER),
        )?;
        self.listen(BLOBS, vec![services.blobs.clone(); number], &pipe(PipeName::Blobs, IDLE))?;
        if let Some(kms) = &services.kms {
            self.listen(KMS, vec![kms.clone(); number], &pipe(PipeName::Kms, IDLE))?;
        }
        if let Self::Folder(folder) = self {
            for number in 0..number {
                tokio::spawn(heartbeats(listen_in(folder, number, HEARTBEAT)?));
            }
        }
        Ok(())
    }

    /// Serves a port; each enclave's bytes go where its own place in `leads` says.
    fn listen(&self, port: u32, leads: Vec<Address>, pipe: &Pipe) -> io::Result<()> {
        let leads: Vec<_> = leads.into_iter().map(|address| (address, pipe.another(CONNECTIONS))).collect();
        match self {
            Self::Vsock { first_cid } => {
                tokio::spawn(serve_all(Listener::vsock(port)?, *first_cid, leads, pipe.clone()));
            }
            Self::Folder(folder) => {
                for (number, (address, pipe)) in leads.into_iter().enumerate() {
                    tokio::spawn(serve_one(listen_in(folder, number, port)?, address, pipe));
                }
            }
        }
        Ok(())
    }
}

async fn serve_one(listener: Listener, address: Address, pipe: Pipe) {
    loop {
        let (accepted, _) = listener.accept().await;
        lead(&pipe, accepted, &address);
    }
}

/// Accepts connections of every virtual machine; those that are not ours get none.
async fn serve_all(listener: Listener, first_cid: u32, leads: Vec<(Address, Pipe)>, pipe: Pipe) {
    let mut strangers = Strangers::default();
    loop {
        let (accepted, cid) = listener.accept().await;
        let number = cid.and_then(|cid| usize::try_from(cid.checked_sub(first_cid)?).ok());
        match number.and_then(|number| leads.get(number)) {
            Some((address, pipe)) => lead(pipe, accepted, address),
            None => {
                if strangers.is_new(cid) {
                    tracing::warn!(cid, "a virtual machine that is no enclave of ours was refused");
                }
                pipe.refuse(accepted, Outcome::Stranger);
            }
        }
    }
}

/// Virtual machines that the log has: each once, and not more of them than that.
#[derive(Default)]
struct Strangers(BTreeSet<Option<u32>>);

impl Strangers {
    fn is_new(&mut self, cid: Option<u32>) -> bool {
        self.0.len() < STRANGERS && self.0.insert(cid)
    }
}

fn lead(pipe: &Pipe, accepted: Socket, address: &Address) {
    let address = address.clone();
    pipe.accepted(accepted, Enclave::Accepted, async move { Ok((connect(&address).await?, ())) });
}

/// Listens in an enclave's folder, which only this user may enter.
fn listen_in(folder: &Path, number: usize, port: u32) -> io::Result<Listener> {
    let folder = folder.join(number.to_string());
    fs::create_dir_all(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    Listener::unix(&folder.join(format!("host_{port}")))
}

/// Says back to whoever has booted what it says.
async fn heartbeats(listener: Listener) {
    loop {
        let (enclave, _) = listener.accept().await;
        tokio::spawn(async move {
            if matches!(tokio::time::timeout(IDLE, enclave.read_byte()).await, Ok(Ok(Some(ALIVE)))) {
                let _ = enclave.write_all(&[ALIVE]).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_told_of_once_and_so_many_alone() {
        let mut strangers = Strangers::default();
        assert!(strangers.is_new(Some(40)) && strangers.is_new(Some(41)) && strangers.is_new(None));
        assert!(!strangers.is_new(Some(40)) && !strangers.is_new(None));
        let told = (100..200).filter(|cid| strangers.is_new(Some(*cid))).count();
        assert_eq!(told, STRANGERS - 3);
    }
}
