//! What keeps a function in: layers that a worker puts around itself before it becomes Python.
//!
//! Each layer is a file of its own. [`Jail::enter`] puts on every one of them, in an order in which
//! none takes away what the next needs, and reports how each went; which must not be missing is said
//! by the measured settings, and judged by the runtime that started the worker.

mod capabilities;
mod control_group;
mod descriptors;
mod door;
mod environment;
mod landlock;
mod layer;
mod mounts;
mod namespaces;
mod no_new_privileges;
mod private_memory;
mod resource_limits;
mod root;
mod system_calls;
mod user;

use std::collections::BTreeSet;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, getpid};
use serde::{Deserialize, Serialize};

pub(crate) use capabilities::pass_on as pass_on_capabilities;
#[cfg(test)]
pub(crate) use control_group::mounted;
pub(crate) use control_group::{ControlGroup, ControlGroups, Processors};
pub(crate) use door::{Door, Seen};
pub(crate) use layer::{Layer, LayerReport, is_on};
pub(crate) use private_memory::mount_private_memory;
pub(crate) use root::{FUNCTION, PYCACHE, SHIM, build as build_root, inside};

use user::OwnFiles;

/// What a worker is to put around itself.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub(crate) struct Jail {
    /// The tree that becomes its root, or why there is none.
    pub(crate) root: Result<PathBuf, String>,
    /// What it may read where there is no root of its own.
    pub(crate) readable: Vec<PathBuf>,
    /// The user that it becomes, or why it stays the one that it is.
    pub(crate) user: Result<u32, String>,
    /// Bytes that it may write to its /tmp.
    pub(crate) scratch_bytes: u64,
    /// Processes and threads that it may have.
    pub(crate) processes: u64,
    /// Layers that the settings switch off.
    pub(crate) insecure_off: BTreeSet<Layer>,
}

impl Jail {
    /// Puts every layer around the calling process, which is about to start `program`.
    ///
    /// Only for a process with a single thread, that has nothing open it still needs but the
    /// standard descriptors and `kept`.
    pub(crate) fn enter(&self, program: &mut Command, kept: [BorrowedFd<'_>; 2]) -> Vec<LayerReport> {
        use Layer as L;
        let mut worn = Vec::with_capacity(Layer::ALL.len());
        let mut put = |layer: Layer, how: &mut dyn FnMut() -> io::Result<()>| {
            let report = if self.is_off(layer) {
                LayerReport::switched_off(layer)
            } else {
                LayerReport::new(layer, how())
            };
            worn.push(report);
            worn.last().is_some_and(LayerReport::is_on)
        };

        put(L::EmptyEnvironment, &mut || {
            environment::clear(program);
            Ok(())
        });
        put(L::PidNamespace, &mut is_first_process);
        put(L::NetworkNamespace, &mut namespaces::enter_network);
        put(L::IpcNamespace, &mut namespaces::enter_ipc);
        put(L::UtsNamespace, &mut namespaces::enter_uts);
        put(L::CgroupNamespace, &mut namespaces::enter_cgroup);
        // They are in /proc, and the new root has none.
        let own_files = OwnFiles::open();
        let own_root =
            put(L::PrivateRoot, &mut || root::enter(given(&self.root)?, self.own_user(), self.scratch_bytes));
        // Before the user may not do it any more.
        let without_cores =
            if self.is_off(L::ResourceLimits) { Ok(()) } else { resource_limits::forbid_cores() };
        // The same; one that is another user has none to lose.
        let bounded = if self.is_off(L::NoCapabilities) { Ok(()) } else { capabilities::bound() };
        let own_user = put(L::OwnUser, &mut || {
            if !own_root {
                user::may_be_entered(&self.readable)?;
            }
            user::become_user(*given(&self.user)?)
        });
        let own_namespace = put(L::UserNamespace, &mut || {
            user::enter_namespace(own_files.as_ref().map_err(|error| io::Error::from(error.kind()))?)
        });
        // Behind the namespace: there processes are counted for this worker alone. Where it is the user
        // that others are too, theirs are counted with them.
        let alone = own_user || own_namespace;
        put(L::ResourceLimits, &mut || {
            without_cores.as_ref().map_err(|error| io::Error::from(error.kind()))?;
            resource_limits::apply(self.scratch_bytes)?;
            let others = if alone { 0 } else { resource_limits::processes_of_the_user() };
            resource_limits::limit_processes(self.processes, others)
        });
        put(L::NoCapabilities, &mut || {
            if capabilities::bound().is_err() {
                bounded.as_ref().map_err(|error| io::Error::from(error.kind()))?;
            }
            capabilities::drop_all()
        });
        put(L::NoNewPrivileges, &mut no_new_privileges::apply);
        let whole_root = [PathBuf::from("/")];
        let readable = if own_root { &whole_root[..] } else { &self.readable };
        // What is compiled is written by workers that are shown it writable; to others it is read-only.
        let writable = [Path::new(root::SCRATCH), Path::new(PYCACHE)];
        let writable = if own_root { &writable[..] } else { &writable[..1] };
        put(L::Landlock, &mut || landlock::apply(readable, writable));
        drop(own_files);
        put(L::ClosedDescriptors, &mut || descriptors::close_all_but(kept));
        put(L::SystemCalls, &mut || system_calls::restrict(own_user));
        worn
    }

    /// Whether the settings switch a layer off.
    pub(crate) fn is_off(&self, layer: Layer) -> bool {
        self.insecure_off.contains(&layer)
    }

    /// The user that it becomes, if it does.
    pub(crate) fn own_user(&self) -> Option<u32> {
        self.user.as_ref().ok().copied().filter(|_| !self.is_off(Layer::OwnUser))
    }
}

fn is_first_process() -> io::Result<()> {
    if getpid() == Pid::INIT { Ok(()) } else { Err(io::Error::other("the kernel gave none")) }
}

fn given<T>(value: &Result<T, String>) -> io::Result<&T> {
    value.as_ref().map_err(|reason| io::Error::other(reason.clone()))
}
