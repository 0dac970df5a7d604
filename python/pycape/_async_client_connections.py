"""How the client for asynchronous code gets to an enclave."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from . import _core, errors
from ._arguments import only_ca_file
from ._async_drive import drive
from ._client_base import ClientBase
from ._effects import Operation
from ._one_with import AsyncWithOnly
from ._placements import OF_NO_USE, Place
from ._platform import Opened, Target
from ._result import Timing
from ._retry import Retries
from ._session import Session
from ._transport import AsyncConnection, AsyncTransport

_log = logging.getLogger("pycape")

T = TypeVar("T")

_Opened: TypeAlias = Opened[AsyncConnection]


def way_out(
    transport: AsyncTransport | None, ca_file: str | os.PathLike[str] | None
) -> AsyncTransport:
    """Return what a client is to use, the network by default.

    Raises:
        TypeError: it is no transport, or `ca_file` no path.
        ValueError: both are given.
    """
    if not isinstance(transport, AsyncTransport | None):
        raise TypeError(f"transport is a way out, not {type(transport).__name__}")
    authorities = only_ca_file(ca_file)
    if transport is not None and authorities is not None:
        raise ValueError("transport and ca_file exclude each other: a transport has its own TLS")
    if transport is not None:
        return transport

    from ._network import AsyncNetworkTransport  # noqa: PLC0415 - slow to load

    return AsyncNetworkTransport(authorities)


class AsyncClientConnections(AsyncWithOnly, ClientBase):
    """A client that calls enclaves, over connections that it opens."""

    _transport: AsyncTransport

    async def _ask(self, policy: _core.Policy, call: Callable[[Session], Operation[T]]) -> T:
        """Make a call that runs no function, over a connection of its own."""
        return await self._ask_at(policy, lambda opened: call(opened.session))

    async def _ask_at(self, policy: _core.Policy, call: Callable[[_Opened], Operation[T]]) -> T:
        """Make such a call, which is told the way to the enclave as well."""

        async def make(opened: _Opened, _retries: Retries) -> T:
            with self._platform.placements.judged(opened.place):
                return await self._drive(call(opened), opened.connection)

        return await self._make(policy, None, make)

    async def _make(
        self,
        policy: _core.Policy,
        target: Target | None,
        call: Callable[[_Opened, Retries], Awaitable[T]],
    ) -> T:
        """Make a call; over another connection again, if it was refused before anything ran."""
        retries = Retries(self._options.max_retries)
        while True:
            opened = await self._open(policy, target)
            try:
                return await call(opened, retries)
            except errors.CapeError as error:
                seconds = retries.pause(error) if opened.session.did_nothing else None
                if seconds is None:
                    raise
            finally:
                await opened.connection.close()
            await asyncio.sleep(seconds)

    async def _open(self, policy: _core.Policy, target: Target | None) -> _Opened:
        """Place, connect, attest: what has sent nothing yet may be tried again."""
        retries = Retries(self._options.max_retries)
        while True:
            try:
                return await self._open_once(policy, target)
            except (errors.ConnectFailed, errors.Overloaded) as error:
                seconds = retries.pause(error)
                if seconds is None:
                    raise
            await asyncio.sleep(seconds)

    async def _open_once(self, policy: _core.Policy, target: Target | None) -> _Opened:
        """Go to the place that is kept; when that is of no use, to one that is asked for."""
        function_id = None if target is None else target.manifest.function_id
        kept = self._platform.kept_place(function_id)
        if kept is not None:
            try:
                return await self._open_at(kept, policy)
            except OF_NO_USE as error:
                _log.debug("a place that was kept is of no use: %r", error)
        start = time.perf_counter()
        place = await self._drive(self._platform.place(function_id))
        opened = await self._open_at(place, policy, time.perf_counter() - start)
        self._platform.placements.keep(place)
        return opened

    async def _open_at(self, place: Place, policy: _core.Policy, asking: float = 0.0) -> _Opened:
        """Connect and attest; `asking` for the place took that many seconds."""
        start = time.perf_counter()
        url, handshake = self._platform.handshake(place)
        with self._platform.placements.judged(place):
            connection = await self._transport.connect(url, self._options.timeout.connect)
            connected = time.perf_counter()
            try:
                session = await self._drive(self._platform.attest(handshake, policy), connection)
            except BaseException:
                await connection.close()
                raise
        timing = Timing(asking, connected - start, time.perf_counter() - connected)
        return Opened(session, connection, place, timing)

    async def _drive(self, operation: Operation[T], connection: AsyncConnection | None = None) -> T:
        return await drive(operation, self._transport, self._options.timeout, connection)
