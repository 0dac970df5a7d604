"""How an enclave that is a machine of its own is told what it needs, and says how it does.

It connects once, gets one line of JSON, and answers with what a process would write to its standard
output and error. docs/spec/enclave.md, supervision.
"""

import socket
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pycape.errors import CapeError, ServiceError
from pycape.local.enclave_program import startup_error
from pycape.local.serving import listening_on_unix

MAX_LINE_BYTES = 64 * 1024
_PIECE_BYTES = 4096
_LEAST_SECONDS = 0.001  # 0 would be not to wait at all, and another error
_POLL_SECONDS = 0.1


class Supervision:
    """The sockets by which the data path brings enclaves to the agent, one for each number."""

    def __init__(self, folder: Path, enclaves: int) -> None:
        self._folder = folder
        self._enclaves = enclaves
        self._listeners: list[socket.socket] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with ExitStack() as opened:
            for number in range(self._enclaves):
                listening = listening_on_unix(self._folder, str(number))
                listener, _ = opened.enter_context(listening)
                listener.settimeout(0)
                self._listeners.append(listener)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def forget(self, number: int) -> None:
        """Close what waits to be accepted: it is of an enclave that is gone."""
        while (stale := self._accept(number)) is not None:
            stale.close()

    def conversation(
        self, number: int, seconds: float, given_up: threading.Event
    ) -> "Conversation":
        """Wait for an enclave to connect.

        Raises:
            ServiceError: it does not in this time, or is not waited for any more.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not given_up.wait(_POLL_SECONDS):
            accepted = self._accept(number)
            if accepted is not None:
                return Conversation(accepted)
        raise ServiceError(
            f"the enclave did not report within {seconds:.0f} s of its start",
            hint="its console says why, where the launcher shows one (docs/operate/hosts.md)",
        )

    def _accept(self, number: int) -> socket.socket | None:
        try:
            accepted, _ = self._listeners[number].accept()
        except OSError:  # nobody waits; or there are too many descriptors, which passes
            return None
        accepted.setblocking(True)
        return accepted


class Conversation:
    """What one enclave is told and says, from its start to its end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = bytearray()

    def tell(self, line: bytes) -> None:
        """Tell it what it needs; an enclave that has gone says nothing afterwards either."""
        with suppress(OSError):
            self._connection.sendall(line + b"\n")

    def end(self) -> None:
        """Ask it to end in order."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def line(self, seconds: float | None = None) -> str | None:
        """Return what it says next; None when it has ended, or says nothing for so long.

        A line that is too long comes in pieces.
        """
        self._connection.settimeout(None if seconds is None else max(seconds, _LEAST_SECONDS))
        while (end := self._received.find(b"\n")) < 0 and len(self._received) < MAX_LINE_BYTES:
            try:
                piece = self._connection.recv(_PIECE_BYTES)
            except OSError:
                piece = b""
            if not piece:
                break
            self._received += piece
        line = self._received[: end + 1 if end >= 0 else None]
        del self._received[: len(line)]
        return line.decode("utf-8", "replace").rstrip("\n") if line else None

    def close(self) -> None:
        """Close it, whatever still comes."""
        self._connection.close()


def no_more_said(said: Iterable[str], seconds: float, deadline: float) -> CapeError:
    """Return why an enclave that reported did not come as far as it has to in so many seconds."""
    hint = "the lines that it logged say more (docs/operate/hosts.md)"
    if time.monotonic() < deadline:
        return startup_error("the enclave", None, "\n".join(said), hint)
    return ServiceError(
        f"the enclave reported, and was not ready {seconds:.0f} s later",
        hint=f"{hint}; start_timeout_s is how long it may take",
    )
