//! What keeps a function in: layers that a worker puts around itself before it becomes Python.
//!
//! Each layer is a file of its own. [`enter`] puts on every one of them and reports how each went;
//! which must not be missing is said by the measured settings, and judged by the runtime that
//! started the worker.

mod descriptors;
mod environment;
mod no_new_privileges;
mod private_memory;
mod resource_limits;

use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{fmt, io};

use serde::Deserialize;

pub(crate) use private_memory::mount_private_memory;
pub(crate) use resource_limits::limit_memory;

/// One of the means that keep a function in.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Layer {
    /// No descriptor is open but the worker's own pipe and the null device.
    ClosedDescriptors,
    /// The environment holds what the manifest names and nothing else.
    EmptyEnvironment,
    /// No program that is started can gain rights.
    NoNewPrivileges,
    /// Memory, files and core dumps are limited.
    ResourceLimits,
}

impl Layer {
    /// Every layer there is.
    pub(crate) const ALL: [Self; 4] =
        [Self::ClosedDescriptors, Self::EmptyEnvironment, Self::NoNewPrivileges, Self::ResourceLimits];

    /// Its name in settings and descriptions.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ClosedDescriptors => "closed_descriptors",
            Self::EmptyEnvironment => "empty_environment",
            Self::NoNewPrivileges => "no_new_privileges",
            Self::ResourceLimits => "resource_limits",
        }
    }

    /// The layer of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.name() == name)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a layer is on, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerReport {
    /// Which layer.
    pub(crate) layer: Layer,
    /// `None` when it is on.
    pub(crate) missing: Option<String>,
}

/// Puts every layer around the calling process and around `program`, which it is about to become.
///
/// Only for a process with a single thread, that has nothing open it still needs but `pipe`.
pub(crate) fn enter(program: &mut Command, pipe: BorrowedFd<'_>) -> Vec<LayerReport> {
    environment::clear(program);
    let report = |layer, result: io::Result<()>| LayerReport {
        layer,
        missing: result.err().map(|error| error.to_string()),
    };
    vec![
        report(Layer::EmptyEnvironment, Ok(())),
        report(Layer::ClosedDescriptors, descriptors::close_all_but(pipe)),
        report(Layer::ResourceLimits, resource_limits::apply()),
        report(Layer::NoNewPrivileges, no_new_privileges::apply()),
    ]
}

/// Turns the calling process into `program`; returns only when that failed.
pub(crate) fn become_program(program: &mut Command) -> io::Error {
    program.exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_settings() {
        for layer in Layer::ALL {
            assert_eq!(Layer::from_name(layer.name()), Some(layer));
            let read: Layer = serde_json::from_value(layer.name().into()).unwrap();
            assert_eq!(read, layer);
        }
        assert_eq!(Layer::from_name("hope"), None);
    }
}
