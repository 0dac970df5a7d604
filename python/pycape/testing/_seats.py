"""The workers of one connection: which call may use which, and how long each is kept.

As enclave-runtime/src/operations/seat.rs, but that none is loaded before it is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pycape import _core, errors
from pycape.testing._call import Call
from pycape.testing._worker import LOAD_SECONDS, Loaded, load

if TYPE_CHECKING:
    from pycape.testing._host import Host


class Idle:
    """Workers that wait for a call, by what they may be used for."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str | None], list[Loaded]] = {}
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def take(self, key: tuple[str, str | None]) -> Loaded | None:
        """Take one, if there is one."""
        while True:
            with self._changing:
                waiting = self._waiting.get(key)
                if not waiting:
                    return None
                loaded = waiting.pop()
            if loaded.worker.is_running:
                return loaded
            loaded.worker.end()

    def keep(self, key: tuple[str, str | None], loaded: Loaded) -> None:
        """Keep one for the next call."""
        with self._changing:
            self._waiting.setdefault(key, []).append(loaded)

    def close(self) -> None:
        """End all of them."""
        with self._changing:
            waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            for loaded in each:
                loaded.worker.end()


@dataclass
class Seat:
    """A worker that a call uses; one that is not given back is ended after it."""

    loaded: Loaded
    cold: bool
    keep: Callable[[Loaded], None]
    kept: bool = False

    def give_back(self) -> None:
        """Let the next call have it."""
        self.kept = True
        self.keep(self.loaded)


class Seats:
    """The workers of one connection, and those that connections share."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._own = Idle()
        # Calls of a connection that share a worker wait for each other.
        self._places: dict[tuple[str, str | None], threading.Lock] = {}
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._own)

    @contextmanager
    def take(
        self, call: Call, manifest: _core.Manifest, folder: Path, account: str | None
    ) -> Iterator[Seat]:
        """Find or load a worker of a function for a call.

        Raises:
            PermissionDenied: its callers share it, and this one has not agreed.
            FunctionError: the function could not be imported.
        """
        shared = manifest.isolation == "function"
        if shared and account is None and not call.opened.shared:
            raise errors.PermissionDenied(
                "the function's callers share its process, which its author could use to carry "
                "data from one to another; this caller has not agreed to that",
                details={"isolation": "function"},
            )
        idle = self._host.shared_workers if shared else self._own
        key = (manifest.checksum, None if shared else call.opened.token)
        with nullcontext() if shared else self._place(key):
            seat = self._seat(call, idle, key, manifest, folder)
            try:
                yield seat
            finally:
                if not seat.kept:
                    seat.loaded.worker.end()

    def _seat(
        self,
        call: Call,
        idle: Idle,
        key: tuple[str, str | None],
        manifest: _core.Manifest,
        folder: Path,
    ) -> Seat:
        loaded = idle.take(key)
        cold = loaded is None
        worker = self._host.new_worker() if loaded is None else loaded.worker
        try:
            call.stopping(worker.kill)
            loaded = loaded or load(worker, folder, manifest, LOAD_SECONDS)
        except BaseException:
            worker.end()
            raise
        return Seat(loaded, cold, partial(idle.keep, key))

    def _place(self, key: tuple[str, str | None]) -> threading.Lock:
        with self._changing:
            return self._places.setdefault(key, threading.Lock())

    def close(self) -> None:
        """End the connection's own."""
        self._own.close()
