"""A worker that is a thread of this process: for debuggers, patches and coverage."""

from __future__ import annotations

import sys
import threading
from collections.abc import Container
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from pycape import errors
from pycape.testing._shim import shim

# What is importable is the process's: one function is imported at a time.
_importing = threading.Lock()

# Seconds that are waited for a handler to return.
_LEAVING = 1.0


class ThreadWorker:
    """Runs the handler of a source folder with the shim's code, in a thread."""

    def __init__(self, source: Path) -> None:
        self._folder = str(source.resolve())
        self._to_thread: SimpleQueue[tuple[int, bytes] | None] = SimpleQueue()
        self._from_thread: SimpleQueue[tuple[int, bytes] | None] = SimpleQueue()
        # A handler that never returns shall not keep the process.
        self._thread = threading.Thread(target=self._run, name="cape function", daemon=True)
        self._thread.start()
        self._from_thread.put((shim().READY, b""))

    @property
    def is_running(self) -> bool:
        """Whether it can take another call."""
        return self._thread.is_alive()

    def send(self, kind: int, payload: bytes) -> None:
        """Send a frame."""
        self._to_thread.put((kind, payload))

    def receive(self, seconds: float | None) -> tuple[int, bytes]:
        """Wait for a frame; `TimeoutError` when none comes in time, `EOFError` at the end."""
        try:
            frame = self._from_thread.get(timeout=seconds)
        except Empty:
            raise TimeoutError from None
        if frame is None:
            self._from_thread.put(None)
            raise EOFError
        return frame

    def kill(self) -> None:
        """Have `receive` raise `EOFError` soon; for another thread than the one that uses it."""
        self._from_thread.put(None)

    def end(self) -> None:
        """Tell it to end once its handler has returned: a thread cannot be stopped."""
        self._to_thread.put(None)
        self._thread.join(_LEAVING)

    def crash(self) -> errors.FunctionCrashed:
        """Say how it ended, once it has."""
        return errors.FunctionCrashed("the function's thread has ended")

    def _run(self) -> None:
        frames, pipe = shim(), _ThreadPipe(self._to_thread, self._from_thread)
        try:
            _, payload = pipe.receive((frames.LOAD,))
            _memory, _folder, handler, *_ = frames.from_fields(payload)
            try:
                function = frames.Function(_imported(self._folder, handler))
            except BaseException as error:
                frames.send_exception(pipe, error, self._folder)
                return
            pipe.send(frames.DONE, b"stream" if function.takes_stream else b"")
            while True:
                frames.answer_call(pipe, self._folder, function)
        except _EndedError:
            return
        finally:
            with _importing, suppress(ValueError):
                sys.path.remove(self._folder)
            self._from_thread.put(None)


class _EndedError(BaseException):
    """There will be no more frames."""


class _ThreadPipe:
    """The shim's `Pipe`, whose other end is in this process."""

    def __init__(
        self,
        source: SimpleQueue[tuple[int, bytes] | None],
        sink: SimpleQueue[tuple[int, bytes] | None],
    ) -> None:
        self._source = source
        self._sink = sink
        self._payload = memoryview(b"")

    def receive(self, expected: Container[int]) -> tuple[int, bytes]:
        frame = self._source.get()
        if frame is None or frame[0] not in expected:
            raise _EndedError
        return frame

    def receive_header(self, expected: Container[int]) -> tuple[int, int]:
        kind, payload = self.receive(expected)
        self._payload = memoryview(payload)
        return kind, len(payload)

    def read_into(self, buffer: memoryview) -> int:
        count = min(len(buffer), len(self._payload))
        buffer[:count] = self._payload[:count]
        self._payload = self._payload[count:]
        return count

    def send(self, kind: int, payload: bytes | memoryview = b"") -> None:
        self._sink.put((kind, bytes(payload)))


def _imported(folder: str, handler: str) -> object:
    """Import a handler, from the module that a test has from `import`: it may be patched."""
    name = handler.partition(":")[0]
    with _importing:
        known = getattr(sys.modules.get(name), "__file__", None)
        if known is not None and Path(known).resolve().parent != Path(folder):
            del sys.modules[name]  # of another function
        sys.path.insert(0, folder)
        return shim().import_handler(handler)
