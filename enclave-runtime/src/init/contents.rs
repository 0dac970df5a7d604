use std::fs;
use std::io;
use std::path::Path;

use cape_core::identity::Vault;
use zeroize::Zeroizing;

use super::image_file;
use super::program::Program;
use crate::error::StartError;
use crate::settings::{Settings, VaultBackend};
use crate::vault;

/// Where an image says what it is for.
pub(super) const FOLDER: &str = "/cape";

const SETTINGS: &str = "settings.toml";
const VAULT_KEY: &str = "vault.key";
const PROGRAM: &str = "program.json";

/// What an image is for.
pub(super) enum Contents {
    /// It serves functions.
    Served(Box<Parts>),
    /// It runs a program of its own.
    Program(Program),
}

/// What an image that serves functions has beside the runtime.
pub(super) struct Parts {
    pub(super) settings: Settings,
    /// A vault whose secret is in the image.
    pub(super) vault: Option<Vault>,
}

impl Contents {
    /// Reads the image's folder, which is measured with the rest of it.
    pub(super) fn read(folder: &Path) -> Result<Self, StartError> {
        let (settings, program) = (folder.join(SETTINGS), folder.join(PROGRAM));
        match (read_if_there(&settings)?, read_if_there(&program)?) {
            (Some(settings), None) => {
                let path = folder.join(VAULT_KEY);
                let key = read_if_there(&path)?.map(Zeroizing::new);
                let vault = key.map(|key| vault::file::parse(&key, &path)).transpose()?;
                Parts::of(&settings, vault).map(Box::new).map(Self::Served)
            }
            (None, Some(text)) => Program::parse(&text, &program).map(Self::Program),
            (Some(_), Some(_)) => Err(StartError::new(format!(
                "the image has both {} and {}, and can be for one purpose only",
                settings.display(),
                program.display()
            ))),
            (None, None) => Err(StartError::new(format!(
                "the image has neither {} nor {}",
                settings.display(),
                program.display()
            ))),
        }
    }

    /// Whether what runs may change the files of the image's root.
    pub(super) fn writes_to_its_root(&self) -> bool {
        matches!(self, Self::Program(_))
    }
}

impl Parts {
    fn of(settings: &str, vault: Option<Vault>) -> Result<Self, StartError> {
        let settings = Settings::parse(settings)?;
        if vault.is_some() {
            vault::check_backend(&settings, VaultBackend::File)?;
        } else if !settings.vault_backends.contains(&VaultBackend::AwsKms) {
            return Err(StartError::new(
                "the image has no vault's key, and its settings permit no vault that KMS keeps",
            ));
        }
        Ok(Self { settings, vault })
    }
}

/// Checks settings, and a vault's key, that an image is to have, as it would when it starts.
pub(crate) fn check_served(settings: &Path, key: Option<&Path>) -> Result<(), StartError> {
    let settings = read("the settings", settings)?;
    let vault = key.map(|path| {
        let key = Zeroizing::new(read("the vault's key", path)?);
        vault::file::parse(&key, path)
    });
    Parts::of(&settings, vault.transpose()?).map(drop)
}

/// Checks the program that an image is to have, as it would when it starts.
pub(crate) fn check_program(path: &Path) -> Result<(), StartError> {
    Program::parse(&read("the program", path)?, path).map(drop)
}

fn read(what: &str, path: &Path) -> Result<String, StartError> {
    fs::read_to_string(path).map_err(|error| StartError::file(what, path, &error))
}

fn read_if_there(path: &Path) -> Result<Option<String>, StartError> {
    match image_file::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StartError::new(format!("{}: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "mode = \"development\"\nvault_backends = [\"file\"]\n[isolation]\nrequired = []\n";
    const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707\n";
    const SHELL: &str = r#"{"argv": ["/bin/sh"], "env": {}, "cwd": "/", "uid": 0, "gid": 0}"#;

    fn read(files: &[(&str, &str)]) -> Result<Contents, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let folder = folder.path().canonicalize().unwrap();
        let place = format!("{}/", folder.display());
        Contents::read(&folder).map_err(|error| error.to_string().replace(&place, ""))
    }

    #[test]
    fn an_image_serves_functions_or_runs_a_program() {
        let served = read(&[(SETTINGS, MINIMAL), (VAULT_KEY, KEY)]).unwrap();
        assert!(matches!(&served, Contents::Served(parts) if parts.vault.is_some()));
        assert!(!served.writes_to_its_root());
        let program = read(&[(PROGRAM, SHELL)]).unwrap();
        assert!(matches!(program, Contents::Program(_)) && program.writes_to_its_root());
    }

    #[test]
    fn a_vault_may_come_with_it() {
        let Contents::Served(parts) = read(&[(SETTINGS, MINIMAL), (VAULT_KEY, KEY)]).unwrap() else {
            panic!("it serves functions")
        };
        let expected = Vault::new(cape_core::crypto::Secret::take(&mut [7; 32]));
        assert_eq!(parts.vault.unwrap().id(), expected.id());
        let error = read(&[(SETTINGS, MINIMAL), (VAULT_KEY, "short")]).err().unwrap();
        assert_eq!(error, "vault.key is not 64 hexadecimal digits");
    }

    #[test]
    fn a_vault_that_no_start_could_open_is_refused() {
        let refused = |files: &[(&str, &str)]| read(files).err().unwrap();
        assert_eq!(
            refused(&[(SETTINGS, MINIMAL)]),
            "the image has no vault's key, and its settings permit no vault that KMS keeps"
        );
        let none = MINIMAL.replace("\"file\"", "");
        assert_eq!(
            refused(&[(SETTINGS, &none), (VAULT_KEY, KEY)]),
            "the settings do not permit a vault of the kind \"file\""
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for (files, reason) in [
            (&[][..], "the image has neither settings.toml nor program.json"),
            (
                &[(SETTINGS, MINIMAL), (PROGRAM, SHELL)],
                "the image has both settings.toml and program.json, and can be for one purpose only",
            ),
        ] {
            assert_eq!(read(files).err().as_deref(), Some(reason));
        }
        assert!(read(&[(SETTINGS, "mode = \"production\"\n")]).is_err());
        assert!(read(&[(PROGRAM, "{}")]).is_err());
    }
}
