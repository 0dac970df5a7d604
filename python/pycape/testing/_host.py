"""What is behind the transports: an enclave, its control plane, and what both clean up."""

from __future__ import annotations

import hashlib
import itertools
import platform
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from pycape import _core, errors
from pycape._clock import now_ms
from pycape._effects import HttpRequest, HttpResponse
from pycape.testing._connection import MAX_CALLS, EnclaveConnection
from pycape.testing._deploy import MAX_BUNDLE
from pycape.testing._directory import Directory
from pycape.testing._process_worker import ProcessWorker
from pycape.testing._run import MAX_INPUT
from pycape.testing._seats import Idle
from pycape.testing._shim import write_shim
from pycape.testing._thread_worker import ThreadWorker
from pycape.testing._worker import Worker

# What packages are made for where this machine's C library cannot be told: packages of macOS are
# no enclave's.
_ANY_GLIBC = "2.28"


class Host:
    """One enclave, in memory.

    Args:
        source: The folder whose handler runs in this process; None for processes of their own.

    Attributes: `core` with its secrets, `pcrs` that its documents state, `python` and `platform`
    that functions are packed for, `functions` by checksum, and `shared_workers`, of functions that
    callers share.
    """

    def __init__(self, source: Path | None) -> None:
        self._source = source
        self._folder = tempfile.TemporaryDirectory(
            prefix="pycape-testing-", ignore_cleanup_errors=True
        )
        self.folder: Path = Path(self._folder.name).resolve()
        self._shim = self.folder / "shim"
        write_shim(self._shim)
        self.python: str = f"{sys.version_info[0]}.{sys.version_info[1]}"
        self.platform: str = _platform()
        pcr0, pcr1, pcr2 = (
            hashlib.sha384(f"pycape.testing {index}".encode()).digest() for index in range(3)
        )
        self.pcrs: dict[int, bytes | str] = {0: pcr0, 1: pcr1, 2: pcr2}
        self.core: _core.InsecureEnclave = _core.InsecureEnclave(
            pcrs=(pcr0, pcr1, pcr2),
            python=self.python,
            platform=self.platform,
            limits=(MAX_CALLS, MAX_INPUT, MAX_BUNDLE),
            now_ms=now_ms(),
        )
        self.functions: dict[str, tuple[_core.Manifest, Path]] = {}
        self.shared_workers: Idle = Idle()
        self._directory = Directory(self)
        self._answering = threading.Lock()
        self._connections: set[EnclaveConnection] = set()
        self._numbers = itertools.count()
        self._later_ms = 0
        self._closed = False

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer as the control plane."""
        self.refuse_when_closed()
        with self._answering:
            return self._directory.answer(request)

    def serve(self, query: str, send: Callable[[bytes | None], None]) -> EnclaveConnection:
        """Serve a new connection."""
        self.refuse_when_closed()
        connection = EnclaveConnection(self, query, send)
        self._connections.add(connection)
        return connection

    def forget(self, connection: EnclaveConnection) -> None:
        """End a connection."""
        self._connections.discard(connection)
        connection.close()

    def close(self) -> None:
        """End connections and workers, and remove all files."""
        self._closed = True
        for connection in list(self._connections):
            self.forget(connection)
        self.shared_workers.close()
        self._folder.cleanup()

    def now_ms(self) -> int:
        """Return the time that statements are judged by, in milliseconds since 1970."""
        return now_ms() + self._later_ms

    def advance(self, milliseconds: int) -> None:
        """Move that time on."""
        self._later_ms += milliseconds

    def new_folder(self) -> Path:
        """Return a new folder, which goes with the enclave."""
        folder = self.folder / f"{next(self._numbers)}"
        folder.mkdir()
        return folder

    def new_worker(self) -> Worker:
        """Start what runs a function."""
        if self._source is not None:
            return ThreadWorker(self._source)
        return ProcessWorker(self._shim, self.folder / "compiled")

    def seconds_of(self, manifest: _core.Manifest) -> float | None:
        """Return how long a function may run: as long as it takes where a debugger may hold it."""
        return None if self._source is not None else float(manifest.timeout_s)

    def refuse_when_closed(self) -> None:
        """Raise ConnectFailed once it is closed."""
        if self._closed:
            raise errors.ConnectFailed("the enclave of this test is closed")


def _platform() -> str:
    library, version = platform.libc_ver()
    glibc = version if library == "glibc" else _ANY_GLIBC
    machine = "aarch64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
    return f"{machine}-manylinux_{'_'.join(glibc.split('.')[:2])}"
