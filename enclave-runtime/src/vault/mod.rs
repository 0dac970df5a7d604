//! The platform's secret, where it is kept, and how it is made (`docs/spec/trust.md`, vault).

pub(crate) mod file;
pub(crate) mod kms;
mod private_file;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use base64_simd::STANDARD;
use cape_core::attest::VaultBirth;
use cape_core::encoding::hex;
use cape_core::identity::Vault;
use cape_nsm::{AttestationFields, Nsm};
use serde_json::json;

use crate::error::StartError;
use crate::settings::{Settings, VaultBackend};

/// Where a vault's secret comes from.
pub(crate) enum Source {
    /// A file beside the runtime.
    File(PathBuf),
    /// A file of the image, which was read before anything else could.
    Image(Vault),
    /// AWS KMS, which wrapped it.
    Kms(Box<kms::Service>),
}

/// A vault that was just made.
pub(crate) struct Created {
    pub(crate) id: [u8; 32],
    /// The document of its birth.
    pub(crate) birth: Vec<u8>,
    /// The secret as KMS wrapped it, where KMS keeps it.
    pub(crate) wrapped: Option<Vec<u8>>,
}

/// Opens the vault whose secret comes from `source`; it has to be the one of the configured id.
pub(crate) async fn open(
    settings: &Settings,
    source: Source,
    id: &[u8; 32],
    nsm: &Arc<dyn Nsm>,
) -> Result<Vault, StartError> {
    check_backend(settings, source.backend())?;
    let name = source.to_string();
    let vault = match source {
        Source::File(key) => file::read(&key)?,
        Source::Image(vault) => {
            tracing::warn!(
                "the vault's secret is part of the image: whoever has the image can read what it protects"
            );
            vault
        }
        Source::Kms(service) => kms::unwrap(settings, &service, nsm).await?,
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
            Self::Kms(_) => VaultBackend::AwsKms,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(key) => key.display().fmt(f),
            Self::Image(_) => f.write_str("the image"),
            Self::Kms(service) => write!(f, "what {} wrapped", service.access.key_id()),
        }
    }
}

impl Created {
    /// What whoever keeps the vault has to know, as one object of JSON.
    pub(crate) fn to_json(&self) -> String {
        let base64 = |bytes: &Vec<u8>| STANDARD.encode_to_string(bytes);
        let mut created = json!({"vault": hex::encode(&self.id), "birth": base64(&self.birth)});
        if let Some(wrapped) = &self.wrapped {
            created["wrapped"] = base64(wrapped).into();
        }
        created.to_string()
    }
}

/// Refuses a vault that is kept in another way than the settings permit.
pub(crate) fn check_backend(settings: &Settings, backend: VaultBackend) -> Result<(), StartError> {
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
