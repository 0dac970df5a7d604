//! What `vault create` and `serve` both start from.

use std::fs;
use std::path::Path;
use std::time::Duration;

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

/// In what a simulated security module is worse than it could be, to develop by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Simulation {
    /// What each question takes longer; one is answered after the other.
    pub(crate) delay: Duration,
    /// Seconds that its clock is ahead of this machine's.
    pub(crate) ahead_s: i32,
}

/// The simulated security module of this runtime: it signs under the PKI in a folder, and has
/// measured this binary, the settings and the interpreter.
pub(super) fn module(
    pki: &Path,
    settings: &Path,
    python: &Python,
    simulation: Simulation,
) -> Result<SimulatedNsm, StartError> {
    let failed = |error: cape_nsm::PkiError| StartError::new(error.to_string());
    let measurements = measure(settings, python)?;
    let clock = Clock::default();
    let ahead_ms = i64::from(simulation.ahead_s) * 1000;
    let now = move || clock.now().as_millis().saturating_add_signed(ahead_ms);
    SimulatedNsm::start(Pki::open(pki).map_err(failed)?, &measurements, now)
        .map(|module| module.delayed(simulation.delay))
        .map_err(failed)
}
