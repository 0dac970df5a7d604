"""How a host does, for whoever asks on the machine: one JSON object by a Unix socket."""

import fcntl
import os
import shlex
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from pycape._system_errors import reason
from pycape.errors import ConfigError, ConnectFailed
from pycape.host.health import State
from pycape.local.serving import listening_on_unix

SOCKET = "status"
ASK_SECONDS = 10.0
_MAX_ANSWER_BYTES = 1 << 20
_PAUSE_SECONDS = 0.1


class EnclaveStatus(msgspec.Struct, frozen=True):
    """One enclave: its state, its process on the host, how often it was started, its load.

    `failed_checks` say what one that is not ready lacks, `failure` why one was given up.
    """

    number: int
    state: State
    pid: int | None
    starts: int
    operate: int
    slots: int
    calls: int
    failed_checks: list[str]
    failure: str | None


class HostStatus(msgspec.Struct, frozen=True):
    """The host: its ports on 127.0.0.1, its enclaves, and what control planes said last."""

    name: str
    launcher: str
    pid: int
    draining: bool
    sessions: int
    operate: int
    enclaves: list[EnclaveStatus]
    control_planes: dict[str, str]


class StatusService:
    """Answers whoever connects. It also makes the folder, and keeps a second agent off it.

    Raises:
        ConfigError: at its beginning: the folder cannot be used, or another agent uses it.
    """

    def __init__(self, folder: Path, status: Callable[[], HostStatus]) -> None:
        self._folder = folder
        self._status = status
        self._ended = threading.Event()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            lock = _lock_file(self._folder)
            opened.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(
                    f"an agent runs already on {self._folder}",
                    hint="`cape host status` shows it; run_dir names a folder for another",
                ) from error
            listener, _ = opened.enter_context(listening_on_unix(self._folder, SOCKET))
            thread = threading.Thread(target=self._answer, args=(listener,), daemon=True)
            thread.start()
            opened.callback(thread.join)
            opened.callback(listener.shutdown, socket.SHUT_RDWR)  # which wakes the thread
            opened.callback(self._ended.set)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def _answer(self, listener: socket.socket) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:  # it is closed; or there are too many descriptors, which passes
                self._ended.wait(_PAUSE_SECONDS)
                continue
            with connection, suppress(OSError):
                connection.settimeout(ASK_SECONDS)
                connection.sendall(msgspec.json.encode(self._status()))


def _lock_file(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_shared(folder):
            raise ConfigError(
                f"{folder} is open to other users, and who reaches the sockets in it is served",
                hint=f"`chmod 700 {shlex.quote(str(folder))}`, or run_dir names a folder that is "
                "the agent's alone",
            )
        return os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be used: {reason(error)}", hint="run_dir names another folder"
        ) from error


def is_shared(folder: Path) -> bool:
    """Tell whether others than its owner can do anything in a folder."""
    return bool(folder.stat().st_mode & 0o077)


def ask(folder: Path) -> HostStatus:
    """Ask the agent whose sockets are in a folder.

    Raises:
        ConnectFailed: none answers.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ASK_SECONDS)
        try:
            connection.connect(str(folder / SOCKET))
            answer = connection.makefile("rb").read(_MAX_ANSWER_BYTES)
            return msgspec.json.decode(answer, type=HostStatus)
        except (OSError, msgspec.DecodeError) as error:
            raise ConnectFailed(
                f"no agent answers in {folder}",
                hint="`cape host run` starts one; run_dir of its configuration is the folder",
            ) from error
