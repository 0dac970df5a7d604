"""The phases of a call, told as they begin."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pycape._effects import HttpRequest, HttpResponse
    from pycape._result import Timing
    from pycape._transport import AsyncConnection, AsyncTransport

# `encrypt` is the console's own; the others are those of `Timing`.
PHASES = ("encrypt", "place", "connect", "attest", "run")

State = Literal["waits", "runs", "done", "failed", "not needed"]

# Spec: docs/spec/control-plane.md.
_PLACEMENTS = "/v2/placements"

# Who is told, in the task that makes a call. What it does besides, such as asking for a function's
# manifest or for a key to encrypt for, is no phase of the call.
on_phase: ContextVar[Callable[[str], None] | None] = ContextVar("on_phase", default=None)


class Phases:
    """How far a call has come, and what each phase took, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.running: str | None = None
        self._begun = 0.0
        self._failed: str | None = None
        self._is_over = False

    @property
    def so_far(self) -> dict[str, float]:
        """What each phase has taken by now, the one that runs too."""
        if self.running is None:
            return self.seconds
        return {**self.seconds, self.running: time.perf_counter() - self._begun}

    def begin(self, phase: str) -> None:
        """End the phase before, and begin one; what followed it, in an attempt before, counts not.

        A place that was of no use, or a refusal before anything ran, begins it again.
        """
        self._end_running()
        later = PHASES[PHASES.index(phase) :]
        self.seconds = {name: value for name, value in self.seconds.items() if name not in later}
        self.running, self._begun = phase, time.perf_counter()

    def succeed(self, timing: Timing) -> None:
        """End with what the client itself measured."""
        self._end_running()
        self.seconds |= {name: value for name, value in asdict(timing).items() if value}
        self._is_over = True

    def fail(self) -> None:
        """End in the phase that runs."""
        self._failed = self.running
        self._end_running()
        self._is_over = True

    def state_of(self, phase: str) -> State:
        """Return how it is with one of them."""
        if phase == self._failed:
            return "failed"
        if phase == self.running:
            return "runs"
        if phase in self.seconds:
            return "done"
        is_passed = any(PHASES.index(name) > PHASES.index(phase) for name in self.seconds)
        return "not needed" if self._is_over or is_passed else "waits"

    def _end_running(self) -> None:
        if self.running is not None:
            self.seconds[self.running] = time.perf_counter() - self._begun
            self.running = None


class WatchedTransport:
    """A way out that tells which phase begins."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def request(self, request: HttpRequest, timeout: float | None) -> HttpResponse:
        """Perform one HTTP request."""
        if urlsplit(request.url).path.endswith(_PLACEMENTS):
            _tell("place")
        return await self._transport.request(request, timeout)

    async def connect(self, url: str, timeout: float | None) -> AsyncConnection:
        """Open a connection to an enclave."""
        _tell("connect")
        connection = await self._transport.connect(url, timeout)
        _tell("attest")
        return _WatchedConnection(connection)

    async def close(self) -> None:
        """Give back what it holds; never raises."""
        await self._transport.close()


class _WatchedConnection:
    """A connection that tells when the call itself begins: nothing is sent before."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._has_sent = False

    async def send(self, message: bytes, timeout: float | None) -> None:
        if not self._has_sent:
            self._has_sent = True
            _tell("run")
        await self._connection.send(message, timeout)

    async def receive(self, timeout: float | None, phase: str) -> bytes:
        return await self._connection.receive(timeout, phase)

    async def pending(self) -> bytes | None:
        return await self._connection.pending()

    async def close(self) -> None:
        await self._connection.close()


def _tell(phase: str) -> None:
    tell = on_phase.get()
    if tell is not None:
        tell(phase)
