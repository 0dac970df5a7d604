//! The vault whose secret is in a file beside the runtime: for development only.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cape_core::crypto::Secret;
use cape_core::encoding::hex;
use cape_core::identity::Vault;
use cape_nsm::Nsm;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use zeroize::Zeroizing;

use super::{Created, check_backend, give_birth, private_file};
use crate::error::StartError;
use crate::settings::{Settings, VaultBackend};

/// Draws a new secret, and writes it into the file `key`, which must not exist.
pub(crate) fn create(settings: &Settings, key: &Path, nsm: &dyn Nsm) -> Result<Created, StartError> {
    check_backend(settings, VaultBackend::File)?;
    let secret = Secret::<32>::random(&mut UnwrapErr(SysRng));
    let text = Zeroizing::new(hex::encode(secret.expose()) + "\n");
    let id = Vault::new(secret).id();
    let birth = give_birth(nsm, VaultBackend::File.name(), id)?;
    write_new(key, text.as_bytes()).map_err(|error| StartError::file("the vault's key", key, &error))?;
    Ok(Created { id, birth, wrapped: None })
}

/// The vault whose secret is in the file `key`, which nobody else may read.
pub(super) fn read(key: &Path) -> Result<Vault, StartError> {
    parse(&private_file::read("the vault's key", key)?, key)
}

/// The vault whose secret is the text of the file `path`.
pub(crate) fn parse(text: &str, path: &Path) -> Result<Vault, StartError> {
    let mut secret = hex::decode_array::<32>(text.trim_end())
        .map(Zeroizing::new)
        .ok_or_else(|| StartError::new(format!("{} is not 64 hexadecimal digits", path.display())))?;
    Ok(Vault::new(Secret::take(&mut secret)))
}

/// Writes a file that did not exist, durably.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use super::super::Source;
    use super::*;

    const SETTINGS: &str =
        "mode = \"development\"\nvault_backends = [\"file\"]\n[isolation]\nrequired = []\n";

    /// A module that answers every attestation with the same document.
    struct Module;

    impl Nsm for Module {
        fn exchange(&self, _request: &[u8]) -> Result<Vec<u8>, cape_nsm::Error> {
            Ok(b"\xa1\x6bAttestation\xa1\x68document\x43doc".to_vec())
        }
    }

    async fn open(settings: &Settings, key: &Path, id: &[u8; 32]) -> Result<Vault, StartError> {
        let nsm: Arc<dyn Nsm> = Arc::new(Module);
        super::super::open(settings, Source::File(key.to_path_buf()), id, &nsm).await
    }

    #[tokio::test]
    async fn a_vault_is_created_once_and_opens_with_its_own_id_only() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("vault.key");
        let settings = Settings::parse(SETTINGS).unwrap();
        let Created { id, birth, .. } = create(&settings, &key, &Module).unwrap();
        assert_eq!(birth, b"doc");
        assert!(create(&settings, &key, &Module).is_err());
        assert_eq!(open(&settings, &key, &id).await.unwrap().id(), id);
        let error = open(&settings, &key, &[7; 32]).await.err().unwrap().to_string();
        assert!(error.contains(&hex::encode(&id)) && error.contains(&"07".repeat(32)), "{error}");
    }

    #[tokio::test]
    async fn a_key_that_others_can_read_or_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("vault.key");
        let settings = Settings::parse(SETTINGS).unwrap();
        assert!(open(&settings, &key, &[0; 32]).await.is_err(), "it does not exist");
        let id = create(&settings, &key, &Module).unwrap().id;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(open(&settings, &key, &id).await.is_err());
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&key, "AB".repeat(32)).unwrap();
        assert!(open(&settings, &key, &id).await.is_err());
    }

    #[test]
    fn a_file_is_not_enough_where_the_settings_do_not_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("vault.key");
        let settings = Settings::parse(&SETTINGS.replace("[\"file\"]", "[]")).unwrap();
        assert!(create(&settings, &key, &Module).is_err());
        assert!(!key.exists());
    }
}
