"""Enclaves as processes beside a simulated security module: for development."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pycape.errors import ConfigError
from pycape.host.configuration import Configuration
from pycape.host.data_path import Route
from pycape.local.enclave_program import EnclaveProgram
from pycape.local.runtime import Ready, RuntimeProcess


class ProcessLauncher:
    """Starts the program `cape-enclave`."""

    def __init__(self, configuration: Configuration) -> None:
        if configuration.process is None:
            raise ConfigError("there is no section [process]", hint="it names the runtime's files")
        self._process = configuration.process
        self._vault = configuration.vault
        self._blobs = configuration.blob_socket
        program = EnclaveProgram.find()
        python = self._process.python
        self._program = program if python is None else replace(program, python=Path(python))

    def launch(self, number: int, on_stopping: Callable[[], None]) -> RuntimeProcess:  # noqa: ARG002
        """Start one, on ports of its own choice."""
        command = self._program.serve(
            settings=Path(self._process.settings),
            nsm=Path(self._process.nsm),
            key=Path(self._process.vault_key),
            vault=self._vault,
            blobs=self._blobs,
        )
        return RuntimeProcess(command, on_stopping)

    def route(self, number: int, ready: Ready) -> Route:  # noqa: ARG002
        """Return its ports."""
        return Route(f"tcp:127.0.0.1:{ready.port}", f"tcp:127.0.0.1:{ready.operate}")

    def measurement(self) -> str:
        """Return PCR0 of what it starts, in hex."""
        return self._program.measure(Path(self._process.settings)).pcrs["0"]
