"""A file that is written on a thread of its own, while what comes next is read and made."""

from __future__ import annotations

import os
from collections import deque
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, BinaryIO, Self

from ._byte_streams import write

if TYPE_CHECKING:
    from types import TracebackType

# One is filled while another is written; those between save either side from waiting at once.
_WINDOWS = 4


class WriteBehind:
    """An output into a file, which is written while its user fills the next window.

    All was written when its context ends without an error; nothing is written any more, and no
    thread left, when it ends with one. What writing raises is raised by a later `place` or by the
    end, and by `put` itself where there is no thread; nothing is written behind it.

    The thread begins with the first full window, so what is shorter has none. Where none can be
    started, and where there is one processor for both, everything is written on the thread of the
    user.

    Args:
        file: A file that nobody else uses meanwhile.
        size: The bytes of a window.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._windows: deque[memoryview] = deque()
        self._thread: Thread | None = None
        self._to_write: SimpleQueue[memoryview | None] = SimpleQueue()
        self._written: SimpleQueue[BaseException | None] = SimpleQueue()
        self._unwritten = 0
        self._writing = Lock()
        self._ended = False
        self._may_start = _processors() > 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._wait(0)
        finally:
            self._end()

    def place(self) -> memoryview:
        """Return the window that is to be filled next."""
        # Each is put once at least, so that this window's last content is written by now.
        most = 1 if self._thread is None else _WINDOWS
        self._wait(most - 1)
        if len(self._windows) < most:
            self._windows.append(memoryview(bytearray(self._size)))
        else:
            self._windows.rotate(-1)
        return self._windows[-1]

    def put(self, data: memoryview) -> int:
        """Pass on what was put into the last place, or what never changes; return its length."""
        if self._thread is None and self._may_start and len(data) == self._size:
            self._start()
        if self._thread is None:
            write(self._file, data)
        else:
            self._unwritten += 1
            self._to_write.put(data)
        return len(data)

    def _start(self) -> None:
        # It is always waited for. Were that interrupted, the process could end all the same.
        self._thread = Thread(target=self._run, name="cape-write", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # The process may have no more threads, or has begun to end.
            self._thread = None
            self._may_start = False

    def _run(self) -> None:
        while (data := self._to_write.get()) is not None:
            self._written.put(self._write(data))

    def _write(self, data: memoryview) -> BaseException | None:
        try:
            with self._writing:
                if not self._ended:
                    write(self._file, data)
        except BaseException as error:
            self._ended = True
            return error
        return None

    def _wait(self, most: int) -> None:
        """Wait until at most so many are unwritten, and raise what writing the others raised."""
        while self._unwritten > most:
            error = self._written.get()
            self._unwritten -= 1
            if error is not None:
                raise error

    def _end(self) -> None:
        """Have the thread write nothing more, and wait for its end."""
        self._ended = True
        self._to_write.put(None)
        # An interrupt of its start can hide that the thread runs; the lock tells when it writes.
        with self._writing:
            pass
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()


def _processors() -> int:
    """Return how many processors this process may use; all, where that is not told."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
