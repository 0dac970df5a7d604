use std::process::Command;

/// The program starts with no environment at all; the shim adds what the manifest names.
pub(super) fn clear(program: &mut Command) {
    program.env_clear();
}
