"""The program `cape-host`, which moves bytes between clients, enclaves and the host's services."""

import json
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from pycape.errors import ConfigError
from pycape.host.configuration import Configuration
from pycape.local.child_streams import parsed, piped
from pycape.local.enclave_program import (
    BRINGS_ANOTHER,
    enclave_environment,
    find_program,
    startup_error,
)
from pycape.server.log import Logger, get_logger

BINARY = "cape-host"
BINARY_VARIABLE = "CAPE_HOST_BINARY"
STOP_SECONDS = 5
_SEE_DOCTOR = "`cape host doctor` looks at its ports, and at all else that it needs"

log: Logger = get_logger()


class Ports(msgspec.Struct, frozen=True):
    """Where it listens on 127.0.0.1: for clients, for each enclave's operator, for its own."""

    sessions: int
    operate: int
    enclaves: list[int]


class Route(msgspec.Struct, frozen=True):
    """Where an enclave takes bytes of sessions and of its operator, as `cape-host` writes them."""

    sessions: str | None = None
    operate: str | None = None


class DataPath:
    """One run of the program. It ends with this process, however that ends."""

    def __init__(self, configuration: Configuration, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._lock = threading.Lock()
        command: list[str | Path] = [
            find_program(BINARY, BINARY_VARIABLE),
            *_options(configuration),
        ]
        try:
            self._process = subprocess.Popen(
                command,
                env=enclave_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigError(f"{command[0]} does not run: {error}", hint=BRINGS_ANOTHER) from error
        self._said: list[str] = []
        self._pump = threading.Thread(target=self._pump_log, daemon=True, name="cape-data-path")
        self._pump.start()
        self.ports: Ports = self._ready()
        threading.Thread(target=self._wait, daemon=True, name="cape-data-path-end").start()

    def lead(self, number: int, route: Route) -> None:
        """From now on an enclave takes bytes there; what is connected stays so."""
        line = {"enclave": number, **msgspec.structs.asdict(route)}
        stdin = piped(self._process.stdin)
        with self._lock, suppress(OSError, ValueError):  # it has ended, which `on_end` tells
            stdin.write(f"{json.dumps(line)}\n")
            stdin.flush()

    def stop(self) -> None:
        """End it, with all that is connected."""
        self._on_end = lambda: None
        with self._lock, suppress(OSError):  # of what it did not read before it ended
            piped(self._process.stdin).close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pump.join(STOP_SECONDS)

    def _ready(self) -> Ports:
        line = piped(self._process.stdout).readline()
        try:
            return msgspec.json.decode(line, type=Ports)
        except msgspec.DecodeError as error:
            self._on_end = lambda: None
            self._process.kill()
            self._process.wait()
            self._pump.join(STOP_SECONDS)
            said = "\n".join(self._said)
            raise startup_error(BINARY, self._process.returncode, said, _SEE_DOCTOR) from error

    def _wait(self) -> None:
        status = self._process.wait()
        log.info("data path ended", status=status)
        self._on_end()

    def _pump_log(self) -> None:
        with piped(self._process.stderr) as stderr:
            for line in stderr:
                self._said = [*self._said[-20:], line.rstrip("\n")]
                log.info("data path", said=parsed(line))


def _options(configuration: Configuration) -> list[str]:
    listen, limits = configuration.listen, configuration.limits
    options = [
        *("--enclaves", str(configuration.enclaves)),
        *("--sessions", f"127.0.0.1:{listen.sessions}"),
        *("--enclave-operate", f"127.0.0.1:{listen.enclaves}"),
        *("--operate", f"127.0.0.1:{listen.operate}"),
        *("--connections", str(limits.connections)),
        *("--idle-s", str(limits.idle_s)),
    ]
    if configuration.image is None:
        return options
    guests = (
        f"vsock:{configuration.image.first_cid}"
        if configuration.launcher == "nitro-cli"
        else f"folder:{guests_folder(configuration)}"
    )
    options += ["--guests", guests, "--blobs", str(configuration.blob_socket)]
    options += ["--supervision", str(supervision_folder(configuration))]
    if configuration.kms is not None:
        options += ["--kms", f"{configuration.kms.endpoint}:{configuration.kms.port}"]
    return options


def guests_folder(configuration: Configuration) -> Path:
    """Return where Unix sockets stand in for vsock: a folder of each enclave's number."""
    return configuration.folder / "guests"


def supervision_folder(configuration: Configuration) -> Path:
    """Return where the sockets are by which enclaves are supervised."""
    return configuration.folder / "supervision"
