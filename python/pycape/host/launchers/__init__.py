"""How an enclave is started: as a process, under QEMU, or by `nitro-cli` on a host of AWS's."""

from collections.abc import Callable
from typing import Protocol

from pycape.host.configuration import Configuration
from pycape.host.data_path import Route
from pycape.host.launchers.machines import MachineLauncher, Machines
from pycape.host.launchers.nitro_cli import NitroMachines
from pycape.host.launchers.process import ProcessLauncher
from pycape.host.launchers.qemu import QemuMachines
from pycape.host.supervision import Supervision
from pycape.local.runtime import Ready
from pycape.local.supervisor import Running

__all__ = ["Launcher", "launcher_of", "machines_of"]


class Launcher(Protocol):
    """Starts enclaves, and knows where each takes bytes."""

    def launch(self, number: int, on_stopping: Callable[[], None]) -> Running:
        """Start the enclave of this number; `on_stopping` is called when it begins to end."""

    def route(self, number: int, ready: Ready) -> Route:
        """Return where an enclave takes bytes that has said that it is ready."""

    def measurement(self) -> str | None:
        """Return PCR0 of what it starts, in hex, if that is known."""


def launcher_of(configuration: Configuration, supervision: Supervision) -> Launcher:
    """Return the launcher that a host is told to use.

    Raises:
        ConfigError: what it needs is not there, or does not fit.
    """
    machines = machines_of(configuration)
    if machines is None:
        return ProcessLauncher(configuration)
    return MachineLauncher(configuration, machines, supervision)


def machines_of(configuration: Configuration) -> Machines | None:
    """Return what makes the machines of a host whose enclaves are machines."""
    if configuration.image is None:
        return None
    if configuration.qemu is not None:
        return QemuMachines(configuration, configuration.image, configuration.qemu)
    return NitroMachines(configuration, configuration.image)
