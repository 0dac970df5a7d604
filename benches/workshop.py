"""What the suites share: started when it is first asked for, ended together."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from .children import Platform, Server, Workers
from .echo_server import ISOLATED

ROOT = Path(__file__).parent.parent
_BARE = ROOT / "target" / "release" / "cape-bare"
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"


class Workshop:
    """Peers, a platform, and the time there is. A context manager; afterwards nothing runs."""

    def __init__(self, *, quick: bool) -> None:
        self.quick = quick
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def seconds(self, seconds: float) -> float:
        """Return how long a race may take that takes `seconds` when there is time."""
        return seconds / 8 if self.quick else seconds

    @cached_property
    def folder(self) -> Path:
        """A folder that is removed at the end."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="cape-bench-")))

    @cached_property
    def bare(self) -> Workers:
        """Primitives alone, in Rust (benches/bare)."""
        return self._workers(_BARE)

    @cached_property
    def peers(self) -> Workers:
        """Other Python packages, in an environment of their own (benches/peers)."""
        return self._workers(PEERS_PYTHON, "-m", "benches.peers")

    @cached_property
    def platform(self) -> Platform:
        """A local platform."""
        platform = Platform(self.folder)
        self._stack.callback(platform.end)
        return platform

    @cached_property
    def echo(self) -> Server:
        """A plain `websockets` server that echoes."""
        return self._server("benches.echo_server")

    @cached_property
    def isolated_echo(self) -> Server:
        """One that has a process for each connection."""
        return self._server("benches.echo_server", ISOLATED)

    @cached_property
    def counting(self) -> Server:
        """A plain `websockets` server that counts what it receives."""
        return self._server("benches.counting_server")

    def ended(self, end: Callable[[], object]) -> None:
        """Have something ended when all is over."""
        self._stack.callback(end)

    def _server(self, module: str, *options: str) -> Server:
        server = Server(module, *options)
        self._stack.callback(server.end)
        return server

    def _workers(self, *command: str | Path) -> Workers:
        workers = Workers(*command)
        self._stack.callback(workers.end)
        return workers
