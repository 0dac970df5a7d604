"""A worker that is a process: the interpreter and the shim as in an enclave, without its jail."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from pycape import errors
from pycape.testing._shim import COMMAND, shim

_READ = 256 * 1024

# Seconds that a process takes to end once its pipe is closed, if it ends.
_LEAVING = 5.0


class ProcessWorker:
    """Starts the interpreter that runs this, without what is installed for it.

    Args:
        shim_folder: Where `write_shim` wrote.
        compiled: Where it keeps byte-compiled modules.
    """

    def __init__(self, shim_folder: Path, compiled: Path) -> None:
        their_source, sink = os.pipe()
        source, their_sink = os.pipe()
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    *("-I", "-S", "-X", "utf8", "-X", f"pycache_prefix={compiled}"),
                    *("-c", COMMAND, str(shim_folder), f"{their_source},{their_sink}"),
                ],
                pass_fds=(their_source, their_sink),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                process_group=0,
            )
        except BaseException:
            os.close(sink)
            os.close(source)
            raise
        finally:
            os.close(their_source)
            os.close(their_sink)
        self._source = io.FileIO(source, "rb")
        self._sink = io.FileIO(sink, "wb")
        self._held = bytearray()
        self._arrivals = select.poll()
        self._arrivals.register(source, select.POLLIN)

    @property
    def is_running(self) -> bool:
        """Whether it can take another call."""
        return self._process.poll() is None

    def send(self, kind: int, payload: bytes) -> None:
        """Send a frame; nothing comes of it when the worker is gone."""
        data = memoryview(shim().HEADER.pack(len(payload), kind) + payload)
        try:
            while data:
                data = data[self._sink.write(data) :]
        except (BrokenPipeError, ValueError):
            return  # `receive` tells

    def receive(self, seconds: float | None) -> tuple[int, bytes]:
        """Wait for a frame; `TimeoutError` when none comes in time, `EOFError` at the end."""
        header = shim().HEADER
        end = None if seconds is None else time.monotonic() + seconds
        length, kind = header.unpack(self._take(header.size, end))
        return kind, self._take(length, end)

    def kill(self) -> None:
        """Have `receive` raise `EOFError` soon; for another thread than the one that uses it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """End it, and what it runs."""
        self.kill()
        self._process.wait()
        self._sink.close()
        self._source.close()

    def crash(self) -> errors.FunctionCrashed:
        """Say how it ended, once it has."""
        try:
            code = self._process.wait(_LEAVING)
        except subprocess.TimeoutExpired:
            return errors.FunctionCrashed("the function closed its process's pipe")
        if code < 0:
            return errors.FunctionCrashed(
                f"the function's process was killed by signal {-code}",
                details={"signal": str(-code)},
            )
        return errors.FunctionCrashed(f"the function ended its process with exit code {code}")

    def _take(self, size: int, end: float | None) -> bytes:
        while len(self._held) < size:
            if not self._has_more(end):
                raise TimeoutError
            try:
                data = self._source.read(_READ)
            except ValueError:  # another thread has ended it
                data = b""
            if not data:
                raise EOFError
            self._held += data
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def _has_more(self, end: float | None) -> bool:
        left = None if end is None else max(0.0, end - time.monotonic()) * 1000
        return bool(self._arrivals.poll(left))
