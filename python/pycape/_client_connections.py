"""How the client gets to an enclave: place, connect, attest; again where that is of use."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from . import _core, errors
from ._arguments import only_ca_file
from ._client_base import ClientBase
from ._drive import drive
from ._effects import Operation
from ._one_with import WithOnly
from ._placements import OF_NO_USE, Place
from ._platform import Opened, Target
from ._result import Timing
from ._retry import Retries
from ._session import Session
from ._transport import Connection, Transport
from ._warnings import warn

_log = logging.getLogger("pycape")

T = TypeVar("T")

_Opened: TypeAlias = Opened[Connection]


def way_out(transport: Transport | None, ca_file: str | os.PathLike[str] | None) -> Transport:
    """Return what a client is to use, the network by default.

    Raises:
        TypeError: it is no transport, or `ca_file` no path.
        ValueError: both are given.
    """
    if not isinstance(transport, Transport | None):
        raise TypeError(f"transport is a way out, not {type(transport).__name__}")
    authorities = only_ca_file(ca_file)
    if transport is not None and authorities is not None:
        raise ValueError("transport and ca_file exclude each other: a transport has its own TLS")
    if transport is not None:
        return transport

    from ._network import NetworkTransport  # noqa: PLC0415 - slow to load

    return NetworkTransport(authorities)


class ClientConnections(WithOnly, ClientBase):
    """A client that calls enclaves, over connections that it opens."""

    _transport: Transport

    def _ask(self, policy: _core.Policy, call: Callable[[Session], Operation[T]]) -> T:
        """Make a call that runs no function, over a connection of its own."""
        return self._ask_at(policy, lambda opened: call(opened.session))

    def _ask_at(self, policy: _core.Policy, call: Callable[[_Opened], Operation[T]]) -> T:
        """Make such a call, which is told the way to the enclave as well."""

        def make(opened: _Opened, _retries: Retries) -> T:
            with self._platform.placements.judged(opened.place):
                return self._drive(call(opened), opened.connection)

        return self._make(policy, None, make)

    def _make(
        self,
        policy: _core.Policy,
        target: Target | None,
        call: Callable[[_Opened, Retries], T],
    ) -> T:
        """Make a call; over another connection again, if it was refused before anything ran."""
        retries = Retries(self._options.max_retries)
        while True:
            opened = self._open(policy, target)
            try:
                return call(opened, retries)
            except errors.CapeError as error:
                seconds = retries.pause(error) if opened.session.did_nothing else None
                if seconds is None:
                    raise
            finally:
                opened.connection.close()
            time.sleep(seconds)

    def _open(self, policy: _core.Policy, target: Target | None) -> _Opened:
        """Place, connect, attest: what has sent nothing yet may be tried again."""
        retries = Retries(self._options.max_retries)
        while True:
            try:
                return self._open_once(policy, target)
            except (errors.ConnectFailed, errors.Overloaded) as error:
                seconds = retries.pause(error)
                if seconds is None:
                    raise
            time.sleep(seconds)

    def _open_once(self, policy: _core.Policy, target: Target | None) -> _Opened:
        """Go to the place that is kept; when that is of no use, to one that is asked for."""
        function_id = None if target is None else target.manifest.function_id
        kept = self._platform.kept_place(function_id)
        if kept is not None:
            try:
                return self._open_at(kept, policy)
            except OF_NO_USE as error:
                _log.debug("a place that was kept is of no use: %r", error)
        start = time.perf_counter()
        place = self._drive(self._platform.place(function_id))
        opened = self._open_at(place, policy, time.perf_counter() - start)
        self._platform.placements.keep(place)
        return opened

    def _open_at(self, place: Place, policy: _core.Policy, asking: float = 0.0) -> _Opened:
        """Connect and attest; `asking` for the place took that many seconds."""
        start = time.perf_counter()
        url, handshake = self._platform.handshake(place)
        with self._platform.placements.judged(place):
            connection = self._transport.connect(url, self._options.timeout.connect)
            connected = time.perf_counter()
            try:
                session = self._drive(self._platform.attest(handshake, policy), connection)
            except BaseException:
                connection.close()
                raise
        timing = Timing(asking, connected - start, time.perf_counter() - connected)
        return Opened(session, connection, place, timing)

    def _drive(self, operation: Operation[T], connection: Connection | None = None) -> T:
        _warn_inside_event_loop()
        return drive(operation, self._transport, self._options.timeout, connection)


_warned = False


def _warn_inside_event_loop() -> None:
    """Tell once that the sync client blocks the running event loop; a notebook's may be."""
    global _warned  # noqa: PLW0603 - once a process
    if _warned or "asyncio" not in sys.modules or _is_notebook():
        return
    if sys.modules["asyncio"]._get_running_loop() is not None:
        _warned = True
        warn(
            "Cape blocks the running event loop: use `async with AsyncCape() as cape` and await",
            RuntimeWarning,
        )


def _is_notebook() -> bool:
    """Tell whether this is a notebook's process: a cell may block its loop."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and bool(kernel.IPKernelApp.initialized())
