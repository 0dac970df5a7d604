//! What `vault create` and `serve` both start from.

use std::fs;
use std::path::Path;

use cape_nsm::{Pki, SimulatedNsm};

use crate::clock::Clock;
use crate::error::StartError;
use crate::measure::measure;
use crate::python::Python;
use crate::settings::Settings;

/// The settings in a file.
pub(super) fn read_settings(path: &Path) -> Result<Settings, StartError> {
    let text = fs::read_to_string(path).map_err(|error| StartError::file("the settings", path, &error))?;
    Settings::parse(&text)
}

/// The simulated security module of this runtime: it signs under the PKI in a folder, and has
/// measured this binary, the settings and the interpreter.
pub(super) fn module(pki: &Path, settings: &Path, python: &Python) -> Result<SimulatedNsm, StartError> {
    let failed = |error: cape_nsm::PkiError| StartError::new(error.to_string());
    let measurements = measure(settings, python)?;
    let clock = Clock::default();
    SimulatedNsm::start(Pki::open(pki).map_err(failed)?, &measurements, move || clock.now().as_millis())
        .map_err(failed)
}
