"""Enclaves of AWS's: the program `nitro-cli`, asked by its command line, answering JSON."""

import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from pycape.errors import ConfigError
from pycape.host.configuration import Configuration, Image, NitroCli
from pycape.host.data_path import Route
from pycape.host.launchers.image_file import check_image
from pycape.host.launchers.machines import log_lines
from pycape.host.launchers.nitro_errors import nitro_error
from pycape.local.enclave_program import enclave_environment
from pycape.server.log import Logger, get_logger

MOST_ENCLAVES = 4
COMMAND_SECONDS = 60
_POLL_SECONDS = 1.0
_LOCK_POLL_SECONDS = 0.1

_START = "run-enclave"
_TOO_SLOW = "[nitro_cli] start_timeout_s is how long a start may take"
_NO_ANSWER = "/var/log/nitro_enclaves has its own account; a process of an enclave may hang"

A = TypeVar("A")

log: Logger = get_logger()


class Described(msgspec.Struct, frozen=True):
    """An enclave that runs, as `describe-enclaves` and `run-enclave` tell of it."""

    id: str = msgspec.field(name="EnclaveID")
    cid: int = msgspec.field(name="EnclaveCID")
    pid: int = msgspec.field(name="ProcessID", default=0)
    state: str = msgspec.field(name="State", default="RUNNING")


class NitroMachines:
    """Makes enclaves of one image."""

    def __init__(self, configuration: Configuration, image: Image) -> None:
        self._cli = NitroProgram(configuration.nitro_cli)
        self._image = image
        self._file = check_image(image)
        self.start_seconds: float = configuration.nitro_cli.start_timeout_s
        # With its console shown, an enclave is measured as nothing.
        debug = configuration.nitro_cli.insecure_debug
        self.measurement: str | None = None if debug else self._file.measurement

    def machine(self, number: int) -> "NitroMachine":
        """Make one; its CID is the number of it among those of this host."""
        cid = self._image.first_cid + number
        return NitroMachine(self._cli, self._image, self._file.path, cid)

    def route(self, number: int) -> Route:
        """Return its ports."""
        cid = self._image.first_cid + number
        return Route(f"vsock:{cid}:7000", f"vsock:{cid}:7001")


class NitroMachine:
    """One enclave."""

    def __init__(self, cli: "NitroProgram", image: Image, file: Path, cid: int) -> None:
        self._cli = cli
        self._image = image
        self._file = file
        self._cid = cid
        self._running: Described | None = None
        self._console: subprocess.Popen[str] | None = None
        self._terminated = threading.Event()
        self._started = threading.Lock()

    @property
    def pid(self) -> int:
        """The number of the process that `nitro-cli` leaves behind for it."""
        return 0 if self._running is None else self._running.pid

    def start(self) -> None:
        """Wait for its turn on this machine, clear what has its CID, and start it."""
        with self._started, self._cli.turn(self._terminated):
            others = self._clear()
            if others >= MOST_ENCLAVES:
                raise ConfigError(
                    f"{others} enclaves run on this machine, and there can be {MOST_ENCLAVES}",
                    hint="`nitro-cli describe-enclaves` lists them",
                )
            try:
                self._running = self._cli.run(self._file, self._image, self._cid)
            except ConfigError:
                with suppress(ConfigError):
                    self._clear()  # it may run all the same
                raise
            self._console = self._cli.console(self._running.id)
            log.info("machine", enclave=self._running.id, cid=self._cid)

    def wait(self, seconds: float) -> bool:
        """Ask until it does not run any more."""
        deadline = time.monotonic() + seconds
        while self._runs():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_POLL_SECONDS, left))
        return True

    def terminate(self) -> None:
        """Have it ended. One that starts is waited for first: half a start cannot be ended."""
        self._terminated.set()
        with self._started:
            if self._running is None:
                return
            try:
                if self._runs():
                    self._cli.terminate(self._running.id)
            except ConfigError as error:
                log.error("enclave not ended", enclave=self._running.id, error=str(error))
            self._running = None
            if self._console is not None:
                self._console.kill()
                self._console.wait()

    def _clear(self) -> int:
        """End what has its CID; return how many other enclaves run on this machine."""
        running = self._cli.describe()
        for left_over in (each for each in running if each.cid == self._cid):
            log.warning("an enclave that was left behind is ended", enclave=left_over.id)
            self._cli.terminate(left_over.id)
        return sum(each.cid != self._cid for each in running)

    def _runs(self) -> bool:
        running = self._running
        if running is None:
            return False
        try:
            described = self._cli.describe()
        except ConfigError as error:
            # While another one starts, that fails: it says nothing of this one.
            log.info("enclaves not described", error=str(error))
            return True
        return any(each.id == running.id and each.state == "RUNNING" for each in described)


class NitroProgram:
    """The program."""

    def __init__(self, settings: NitroCli) -> None:
        self._settings = settings

    @contextmanager
    def turn(self, given_up: threading.Event) -> Iterator[None]:
        """Wait until nobody else starts an enclave on this machine: only one start succeeds then.

        Raises:
            ConfigError: the lock cannot be had, or is not waited for any more.
        """
        path = Path(self._settings.lock)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be locked: {error.strerror}", hint="[nitro_cli] lock names the file"
            ) from error
        try:
            while not _locked(descriptor):
                if given_up.wait(_LOCK_POLL_SECONDS):
                    raise ConfigError("the enclave was stopped before it started")
            yield
        finally:
            os.close(descriptor)

    def run(self, image: Path, wanted: Image, cid: int) -> Described:
        """Start an enclave; on return it has booted."""
        arguments = [
            _START,
            *("--eif-path", str(image)),
            *("--memory", str(wanted.memory_mib)),
            *("--cpu-count", str(wanted.cpus)),
            *("--enclave-cid", str(cid)),
            *(["--debug-mode"] if self._settings.insecure_debug else []),
        ]
        return self._ask(Described, arguments)

    def describe(self) -> list[Described]:
        """List the enclaves of this machine."""
        return self._ask(list[Described], ["describe-enclaves"])

    def terminate(self, enclave: str) -> None:
        """End an enclave."""
        ended = self._ask(_Terminated, ["terminate-enclave", "--enclave-id", enclave])
        if not ended.terminated:
            raise ConfigError(f"nitro-cli did not end {enclave}")

    def console(self, enclave: str) -> subprocess.Popen[str] | None:
        """Show an enclave's console in the log, if it was started so that it has one."""
        if not self._settings.insecure_debug:
            return None
        try:
            console = subprocess.Popen(
                [self._settings.program, "console", "--enclave-id", enclave],
                env=enclave_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            log.warning("no console", enclave=enclave, error=str(error))
            return None
        log_lines("console", console.stdout)
        return console

    def _ask(self, kind: type[A], arguments: Sequence[str]) -> A:
        program, is_start = self._settings.program, arguments[0] == _START
        seconds = self._settings.start_timeout_s if is_start else COMMAND_SECONDS
        try:
            done = subprocess.run(
                [program, *arguments],
                env=enclave_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ConfigError(
                f"{program} {arguments[0]} takes longer than {seconds} s",
                hint=_TOO_SLOW if is_start else _NO_ANSWER,
            ) from error
        except OSError as error:
            raise ConfigError(
                f"{program} does not run: {error.strerror}",
                hint="dnf install aws-nitro-enclaves-cli",
            ) from error
        if done.returncode != 0:
            raise nitro_error(f"{program} {arguments[0]}", done.returncode, done.stderr)
        try:
            return msgspec.json.decode(_json(done.stdout), type=kind)
        except msgspec.DecodeError as error:
            raise ConfigError(
                f"{program} {arguments[0]} answered something else than expected: {error}",
                hint="docs/operate/aws.md names the version that is known",
            ) from error


class _Terminated(msgspec.Struct, frozen=True):
    terminated: bool = msgspec.field(name="Terminated")


def _json(output: str) -> str:
    """Return what is JSON of an output that may say more before it."""
    begin = min((at for at in map(output.find, "[{") if at >= 0), default=0)
    return output[begin:]


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
