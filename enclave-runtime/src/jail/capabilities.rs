use std::io;

use rustix::process::geteuid;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
};

/// Lets the programs that the calling thread starts begin with the capabilities that it has. In a
/// user namespace of its own a user other than root has them, and would lose them there.
pub(crate) fn pass_on() -> io::Result<()> {
    if geteuid().is_root() {
        return Ok(());
    }
    let own = capabilities(None)?;
    set_capabilities(None, CapabilitySets { inheritable: own.permitted, ..own })?;
    for capability in own.permitted.iter() {
        configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

/// Empties the bounding set, as far as the process may: what is not in it cannot be gained by
/// starting a program.
pub(super) fn bound() -> io::Result<()> {
    for capability in CapabilitySet::all() {
        if capability_is_in_bounding_set(capability).unwrap_or(false) {
            remove_capability_from_bounding_set(capability)?;
        }
    }
    Ok(())
}

/// Gives up every capability.
pub(super) fn drop_all() -> io::Result<()> {
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    let left = capabilities(None)?;
    if left.effective.is_empty() && left.permitted.is_empty() && left.inheritable.is_empty() {
        return Ok(());
    }
    Err(io::Error::other("capabilities are left"))
}
