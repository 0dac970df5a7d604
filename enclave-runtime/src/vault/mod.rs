//! The platform's secret, where it is kept, and how it is made (`docs/spec/trust.md`, vault).

pub(crate) mod file;

use std::fmt;
use std::path::PathBuf;

use cape_core::attest::VaultBirth;
use cape_core::encoding::hex;
use cape_core::identity::Vault;
use cape_nsm::{AttestationFields, Nsm};

use crate::error::StartError;
use crate::settings::{Settings, VaultBackend};

/// Where a vault's secret comes from.
pub(crate) enum Source {
    /// A file beside the runtime.
    File(PathBuf),
    /// A file of the image, which was read before anything else could.
    Image(Vault),
}

/// Opens the vault whose secret comes from `source`; it has to be the one of the configured id.
pub(crate) async fn open(settings: &Settings, source: Source, id: &[u8; 32]) -> Result<Vault, StartError> {
    check_backend(settings, source.backend())?;
    let name = source.to_string();
    let vault = match source {
        Source::File(key) => file::read(&key)?,
        Source::Image(vault) => vault,
    };
    if vault.id() != *id {
        return Err(StartError::new(format!(
            "{name} holds the vault {}, not {}",
            hex::encode(&vault.id()),
            hex::encode(id),
        )));
    }
    Ok(vault)
}

impl Source {
    fn backend(&self) -> VaultBackend {
        match self {
            Self::File(_) | Self::Image(_) => VaultBackend::File,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(key) => key.display().fmt(f),
            Self::Image(_) => f.write_str("the image"),
        }
    }
}

fn check_backend(settings: &Settings, backend: VaultBackend) -> Result<(), StartError> {
    if settings.vault_backends.contains(&backend) {
        return Ok(());
    }
    Err(StartError::new(format!("the settings do not permit a vault of the kind {:?}", backend.name())))
}

/// The document of the birth of a vault whose secret was just drawn, and is kept by `key`.
fn give_birth(nsm: &dyn Nsm, key: &str, vault: [u8; 32]) -> Result<Vec<u8>, StartError> {
    let user_data = VaultBirth { key: key.to_owned(), vault }.to_user_data();
    nsm.attest(AttestationFields { user_data: Some(&user_data), ..AttestationFields::default() })
        .map_err(|error| StartError::new(format!("no birth document: {error}")))
}
