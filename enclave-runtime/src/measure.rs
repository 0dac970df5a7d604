//! What this runtime consists of, as the registers of its simulated security module.

use std::path::Path;

use cape_core::encoding::hex;
use cape_nsm::{MeasuredFiles, Measurements};
use serde_json::json;

use crate::error::StartError;
use crate::python::Python;

/// Measures this binary (the shim is in it), the settings, the interpreter and its library.
pub(crate) fn measure(settings: &Path, python: &Python) -> Result<Measurements, StartError> {
    let files = MeasuredFiles {
        // The file that runs, even where another one has taken its place on the disk.
        runtime: Path::new("/proc/self/exe"),
        settings,
        interpreter: &python.executable,
        standard_library: &python.standard_library,
    };
    Measurements::of(&files).map_err(|error| StartError::new(format!("not measured: {error}")))
}

/// The measurements and what a packager of functions has to know, as JSON.
pub(crate) fn to_json(measurements: &Measurements, python: &Python) -> String {
    json!({
        "pcrs": {
            "0": hex::encode(&measurements.pcr0),
            "1": hex::encode(&measurements.pcr1),
            "2": hex::encode(&measurements.pcr2),
        },
        "python": python.version,
        "platform": python.c_library.platform(),
    })
    .to_string()
}
