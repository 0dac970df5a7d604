use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

macro_rules! layers {
    ($($(#[doc = $meaning:literal])+ $layer:ident = $name:literal;)*) => {
        /// One of the means that keep a function in.
        #[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Layer {
            $($(#[doc = $meaning])+ #[serde(rename = $name)] $layer,)*
        }

        impl Layer {
            /// Every layer there is.
            pub(crate) const ALL: [Self; [$($name),*].len()] = [$(Self::$layer),*];

            /// Its name in settings and descriptions.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$layer => $name,)*
                }
            }
        }
    };
}

layers! {
    /// Hierarchy, names and limits of control groups are its own (cgroup_namespaces(7)).
    CgroupNamespace = "cgroup_namespace";
    /// No descriptor is open but the worker's own pipe and the null device.
    ClosedDescriptors = "closed_descriptors";
    /// Memory, processes and processor time of the worker and all that it starts are limited
    /// together (cgroups(7), version 2).
    ControlGroup = "control_group";
    /// The environment holds what the manifest names and nothing else.
    EmptyEnvironment = "empty_environment";
    /// Queues, semaphores and shared memory of System V and POSIX are its own (ipc_namespaces(7)).
    IpcNamespace = "ipc_namespace";
    /// Files beneath the worker's own root only, and no port (landlock(7)).
    Landlock = "landlock";
    /// The memory of the worker and all that it starts is added up again and again, and above the
    /// limit they are killed.
    MemoryWatch = "memory_watch";
    /// No network: not even the loopback interface is up (network_namespaces(7)).
    NetworkNamespace = "network_namespace";
    /// No capability, and no way to one (capabilities(7)).
    NoCapabilities = "no_capabilities";
    /// No program that is started can gain rights (prctl(2), PR_SET_NO_NEW_PRIVS).
    NoNewPrivileges = "no_new_privileges";
    /// A user id that no other worker has and nothing else on the machine.
    OwnUser = "own_user";
    /// No process is seen or signalled but its own (pid_namespaces(7)).
    PidNamespace = "pid_namespace";
    /// A root of its own: the interpreter and the function read-only, a /tmp of limited size, three
    /// harmless devices, and nothing else (mount_namespaces(7), pivot_root(2)).
    PrivateRoot = "private_root";
    /// Memory, files, processes and core dumps are limited (setrlimit(2)).
    ResourceLimits = "resource_limits";
    /// System calls that a function needs, and no others (seccomp(2)).
    SystemCalls = "system_calls";
    /// What rights it could have would be those of its own user namespace (user_namespaces(7)).
    UserNamespace = "user_namespace";
    /// The machine's name is its own (uts_namespaces(7)).
    UtsNamespace = "uts_namespace";
}

impl Layer {
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

impl LayerReport {
    /// What came of putting a layer on.
    pub(crate) fn new(layer: Layer, result: io::Result<()>) -> Self {
        Self { layer, missing: result.err().map(|error| error.to_string()) }
    }

    /// Whether the layer is there.
    pub(crate) fn is_on(&self) -> bool {
        self.missing.is_none()
    }

    /// Why a layer is missing that the settings switch off.
    pub(crate) const SWITCHED_OFF: &str = "the settings switch it off (insecure_off)";

    /// A layer that the settings switch off.
    pub(crate) fn switched_off(layer: Layer) -> Self {
        Self { layer, missing: Some(Self::SWITCHED_OFF.to_owned()) }
    }
}

/// Whether reports say of a layer that it is on.
pub(crate) fn is_on(reports: &[LayerReport], layer: Layer) -> bool {
    reports.iter().any(|report| report.layer == layer && report.is_on())
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
