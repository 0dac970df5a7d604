use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

/// What is asked of the kernel: files with every right that version 5 knows, ports (4), abstract
/// sockets and signals (6).
const VERSION: ABI = ABI::V6;

/// Devices that may be written to.
const WRITABLE_DEVICES: [&str; 2] = ["/dev/null", "/dev/full"];

/// From here on files beneath `readable` are read and run, those in `writable` are changed as well,
/// and nothing else is opened: no file, no port, no abstract socket or process from outside.
pub(super) fn apply(readable: &[PathBuf], writable: &[&Path]) -> io::Result<()> {
    let read = AccessFs::from_read(VERSION);
    let write_device = AccessFs::WriteFile | AccessFs::Truncate | AccessFs::ReadFile;
    let everything = AccessFs::from_all(VERSION) & !AccessFs::MakeBlock & !AccessFs::MakeChar;
    let status = (|| {
        let rules = Ruleset::default()
            .handle_access(AccessFs::from_all(VERSION))?
            .handle_access(AccessNet::from_all(VERSION))?
            .scope(Scope::from_all(VERSION))?
            .create()?;
        let rules = allow(rules, readable, read)?;
        let rules = allow(rules, WRITABLE_DEVICES, write_device)?;
        allow(rules, writable, everything)?.restrict_self()
    })()
    .map_err(io::Error::other)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced => Err(io::Error::other("the kernel knows only some of the rules")),
        RulesetStatus::NotEnforced => Err(io::Error::other("the kernel does not know it")),
    }
}

fn allow<P: AsRef<Path>>(
    rules: RulesetCreated,
    paths: impl IntoIterator<Item = P>,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    rules.add_rules(path_beneath_rules(paths, rights))
}
