"""Enclaves under QEMU, for tests and trials: its security module does not sign.

The machine's vsock is a program beside it (vhost-user-vsock), which has Unix sockets on the host's
side.
"""

import subprocess
import threading
import time
from pathlib import Path

from pycape.errors import ConfigError
from pycape.host.configuration import Configuration, Image, Qemu
from pycape.host.data_path import Route, guests_folder
from pycape.host.launchers.image_file import check_image
from pycape.host.launchers.machines import log_lines
from pycape.local.enclave_program import enclave_environment

BACKEND_SECONDS = 10
TERMINATE_SECONDS = 3
_POLL_SECONDS = 0.05


class QemuMachines:
    """Makes machines of QEMU's `nitro-enclave`."""

    def __init__(self, configuration: Configuration, image: Image, qemu: Qemu) -> None:
        self._image = image
        self._qemu = qemu
        self._file = check_image(image)
        self._guests = guests_folder(configuration)
        self.start_seconds: float = qemu.start_timeout_s
        self.measurement: str | None = self._file.measurement

    def machine(self, number: int) -> "QemuMachine":
        """Make one."""
        folder = self._guests / str(number)
        socket = folder / "vhost"
        cid = str(self._image.first_cid + number)
        filled = {"socket": str(socket), "folder": str(folder), "cid": cid}
        backend = [_filled(word, filled) for word in self._qemu.backend]
        command = [
            self._qemu.program,
            *("-M", f"nitro-enclave,vsock=c,id=cape-{number}"),
            *("-kernel", str(self._file.path)),
            *("-m", f"{self._image.memory_mib}M"),
            *("-smp", str(self._image.cpus)),
            *("-chardev", f"socket,id=c,path={socket}"),
            *("-nographic", "-no-reboot"),
            *self._qemu.options,
        ]
        return QemuMachine(folder, socket, backend, command)

    def route(self, number: int) -> Route:
        """Return the ports of its guest."""
        folder = self._guests / str(number)
        return Route(f"guest:{folder}:7000", f"guest:{folder}:7001")


class QemuMachine:
    """One machine, and the program that is its vsock."""

    def __init__(self, folder: Path, socket: Path, backend: list[str], command: list[str]) -> None:
        self._folder = folder
        self._socket = socket
        self._commands = {"backend": backend, "qemu": command}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()
        self._terminated = False

    @property
    def pid(self) -> int:
        """QEMU's number."""
        process = self._processes.get("qemu")
        return 0 if process is None else process.pid

    def start(self) -> None:
        """Start the backend, and QEMU when it listens."""
        # Of a backend that was killed, which would not listen over them.
        for left_over in self._folder.glob("[!h]*"):
            left_over.unlink(missing_ok=True)
        self._spawn("backend")
        deadline = time.monotonic() + BACKEND_SECONDS
        while not self._socket.exists():
            if time.monotonic() > deadline or self._processes["backend"].poll() is not None:
                self.terminate()
                raise ConfigError(
                    f"the backend of vsock made no socket {self._socket}",
                    hint="[qemu] backend is its command; the log has what it said",
                )
            time.sleep(_POLL_SECONDS)
        self._spawn("qemu")

    def wait(self, seconds: float) -> bool:
        """Wait for QEMU's end, with which the backend's comes."""
        process = self._processes.get("qemu")
        if process is None:
            return True
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self._end("backend")
        return True

    def terminate(self) -> None:
        """End both."""
        with self._lock:
            self._terminated = True
        self._end("qemu")
        self._end("backend")

    def _end(self, name: str) -> None:
        process = self._processes.get(name)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _spawn(self, name: str) -> None:
        command = self._commands[name]
        with self._lock:
            if self._terminated:
                raise ConfigError("the enclave was stopped while it started")
            try:
                process = subprocess.Popen(
                    command,
                    env=enclave_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            except OSError as error:
                raise ConfigError(
                    f"{command[0]} does not run: {error}", hint="[qemu] names both programs"
                ) from error
            self._processes[name] = process
        log_lines(name, process.stdout)


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word
