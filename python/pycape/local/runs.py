"""Runs as the enclave of this machine tells of them in its log: who asked for them is all the same.

It is asked to tell by an option that production refuses (docs/security/operator.md): which function
runs, when, how long each phase takes, how many bytes come and go, and how it ends; no contents. All
of it is in this process's memory only.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from pycape.errors import NotFound

MOST_KEPT = 50
MOST_PER_SECOND = 20  # what the enclave writes is read by a thread beside other work

# As the enclave sees them: its document is made, a worker gets the function, the rest of the input
# comes, the handler runs.
PHASES = ("attest", "worker", "input", "run")

_TARGET = "cape_enclave::runs"
_OK = "ok"
_LOST = "the enclave ended"
_STOPPED = ("Cancelled", _LOST)


@dataclass(frozen=True)
class Run:
    """One run so far. `seconds` are of phases that have ended, `outcome` is None until it has."""

    number: int
    checksum: str
    begun: datetime
    seconds: dict[str, float] = field(default_factory=dict)
    function_id: str | None = None
    name: str | None = None
    version: int | None = None
    cold: bool | None = None
    outcome: str | None = None
    input_size: int | None = None
    output_size: int | None = None
    # The phase that runs, and when it began on this process's clock.
    running: str | None = "worker"
    since: float = field(default_factory=time.monotonic)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.outcome is not None

    @property
    def state(self) -> str:
        """One word for it: `runs`, `done`, `failed`, or `stopped` before its end."""
        if self.outcome is None:
            return "runs"
        if self.outcome == _OK:
            return "done"
        return "stopped" if self.outcome in _STOPPED else "failed"

    @property
    def so_far(self) -> dict[str, float]:
        """What each phase has taken by now, in seconds, the one that runs too."""
        if self.running is None:
            return self.seconds
        return {**self.seconds, self.running: time.monotonic() - self.since}

    def state_of(self, phase: str) -> str:
        """Return how it is with one of its phases."""
        if phase == self.running:
            return "runs"
        if phase in self.seconds:
            is_last = not any(later in self.seconds for later in PHASES[PHASES.index(phase) + 1 :])
            return "failed" if is_last and self.state in {"failed", "stopped"} else "done"
        return "not needed" if phase == "attest" or self.has_ended else "waits"

    def goes_on(self, elapsed: float, phase: str | None) -> Run:
        """End the phase that runs, so long after the beginning, and begin another, if any."""
        before = sum(taken for name, taken in self.seconds.items() if name != "attest")
        ended = {} if self.running is None else {self.running: max(0.0, elapsed - before)}
        seconds = {**self.seconds, **ended}
        return replace(self, seconds=seconds, running=phase, since=time.monotonic())


class Runs:
    """Those that go on, and the last that have ended; the latest first.

    `on_change` is called after each change, in whatever thread.
    """

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._kept: dict[tuple[Reader, int], Run] = {}
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[Run]:
        with self._lock:
            return iter(list(self._kept.values())[::-1])

    def get(self, number: int) -> Run:
        """Return a run.

        Raises:
            NotFound: there is none of that number, or not any more.
        """
        run = next((each for each in self if each.number == number), None)
        if run is None:
            raise NotFound(f"there is no run {number}", hint=f"the last {MOST_KEPT} are kept")
        return run

    @property
    def go_on(self) -> bool:
        """Whether one goes on."""
        return any(not run.has_ended for run in self)

    def reader(self) -> Reader:
        """Return what takes the log of one enclave, from its start to its end."""
        return Reader(self)

    def _get(self, key: tuple[Reader, int]) -> Run | None:
        with self._lock:
            return self._kept.get(key)

    def _put(self, key: tuple[Reader, int], run: Run) -> None:
        with self._lock:
            self._kept[key] = run
            if len(self._kept) > MOST_KEPT:
                ended = (key for key, run in self._kept.items() if run.has_ended)
                del self._kept[next(ended, next(iter(self._kept)))]
        self.on_change()

    def _of(self, reader: Reader) -> list[tuple[tuple[Reader, int], Run]]:
        with self._lock:
            return [(key, run) for key, run in self._kept.items() if key[0] is reader]


class Reader:
    """Takes the lines that one enclave writes to its log."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def take(self, line: str) -> bool:
        """Take a line; whether it is about a run."""
        if _TARGET not in line:
            return False
        try:
            told = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError:
            return False
        if told.target != _TARGET:
            return False
        key = (self, told.fields.run)
        known = self._runs._get(key)
        if told.fields.message == "run begins":
            self._runs._put(key, _begun(next(self._runs._numbers), told))
        elif known is not None and not known.has_ended:
            self._runs._put(key, _goes_on(known, told.fields))
        return True

    def end(self) -> None:
        """End what still goes on: the enclave has ended."""
        for key, run in self._runs._of(self):
            if not run.has_ended:
                elapsed = sum(taken for name, taken in run.so_far.items() if name != "attest")
                self._runs._put(key, replace(run.goes_on(elapsed, None), outcome=_LOST))


class _Fields(msgspec.Struct, frozen=True):
    message: str
    run: int
    checksum: str = ""
    attest_us: int = 0
    function: str | None = None
    name: str | None = None
    version: int | None = None
    elapsed_us: int = 0
    cold: bool | None = None
    outcome: str | None = None
    input_bytes: int | None = None
    output_bytes: int | None = None


class _Line(msgspec.Struct, frozen=True):
    timestamp: datetime
    target: str
    fields: _Fields


def _begun(number: int, line: _Line) -> Run:
    # What a connection took to be attested is told with its first run.
    attest_us = line.fields.attest_us
    seconds = {"attest": attest_us / 1e6} if attest_us else {}
    return Run(number, line.fields.checksum, line.timestamp, seconds)


def _goes_on(run: Run, told: _Fields) -> Run:
    elapsed = told.elapsed_us / 1e6
    match told.message:
        case "run found its function":
            return replace(run, function_id=told.function, name=told.name, version=told.version)
        case "run has its worker":
            return replace(run.goes_on(elapsed, "input"), cold=told.cold)
        case "handler begins":
            return run.goes_on(elapsed, "run")
        case "run ended":
            return replace(
                run.goes_on(elapsed, None),
                outcome=told.outcome,
                input_size=told.input_bytes,
                output_size=told.output_bytes,
            )
    return run
