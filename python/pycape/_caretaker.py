"""Looks after what nobody uses at the moment, all of a process in one thread."""

from __future__ import annotations

import threading
import time
from typing import Protocol
from weakref import WeakSet


class Kept(Protocol):
    """Something to be looked after."""

    def look_after(self) -> bool:
        """Do what is due; False when it needs that no more."""


class Caretaker:
    """A thread that is there as long as there is something to look after."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._kept: WeakSet[Kept] = WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, kept: Kept) -> None:
        """Look after it from now on, every so many seconds."""
        with self._lock:
            self._kept.add(kept)
            # In a forked process the thread is not there any more.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="caretaker", daemon=True)
                self._thread.start()

    def remove(self, kept: Kept) -> None:
        """Look after it no more."""
        with self._lock:
            self._kept.discard(kept)

    def _run(self) -> None:
        while True:
            time.sleep(self._every)
            with self._lock:
                present = list(self._kept)
                if not present:
                    self._thread = None
                    return
            for kept in present:
                if not kept.look_after():
                    self.remove(kept)
            del present, kept
