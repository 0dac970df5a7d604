//! What keeps the vault's secret, as the command line says.

use std::path::PathBuf;

use super::options::{CommandError, Options};
use crate::vault::kms::Pipe;

const KMS: &str = "kms";
const PIPE: &str = "kms-pipe";

/// Options that say how KMS is reached: both, or none.
pub(super) const KMS_OPTIONS: [&str; 2] = [KMS, PIPE];

/// A file, or KMS.
pub(super) enum Keeper {
    /// The file of the secret itself.
    File(PathBuf),
    /// The file that says how KMS is asked, and the pipe to it.
    Kms(PathBuf, Pipe),
}

impl Keeper {
    /// What `options` say, of which `file` names the file of the secret.
    pub(super) fn of(options: &Options, file: &str) -> Result<Self, CommandError> {
        let pipe = options.optional(PIPE, "HOST:PORT or the path of a socket", Pipe::parse)?;
        match (options.has(file), options.has(KMS), pipe) {
            (true, false, None) => Ok(Self::File(options.path(file))),
            (false, true, Some(pipe)) => Ok(Self::Kms(options.path(KMS), pipe)),
            _ => Err(CommandError::usage(format!("--{file} is wanted, or --{KMS} and --{PIPE}"))),
        }
    }
}
