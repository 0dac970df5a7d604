"""Connections for warm calls: ours, and those of a plain `websockets` client."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial

import websockets.asyncio.client
import websockets.sync.client

from pycape import AsyncCape, FunctionRef

from .children import Platform
from .echo_server import MAX_MESSAGE
from .harness import Contender

PAYLOAD = os.urandom(1024)
CALLS_A_LAP = 10
# What a client of ours reads of a file at a time, and sends as one message.
MESSAGE = 256 << 10

Call = Callable[[], Awaitable[object]]


def connected(url: str) -> websockets.sync.client.ClientConnection:
    """Open a plain connection, with what settings ours has."""
    return websockets.sync.client.connect(url, compression=None, max_size=MAX_MESSAGE)


def echoed(connection: websockets.sync.client.ClientConnection) -> None:
    """Send the payload, and wait for it to come back."""
    connection.send(PAYLOAD)
    connection.recv()


def counted(connection: websockets.sync.client.ClientConnection, messages: Iterable[bytes]) -> None:
    """Send messages, and wait until a server has counted their bytes (benches/counting_server)."""
    size = 0
    for message in messages:
        connection.send(message)
        size += len(message)
    connection.send("")
    if connection.recv() != str(size):
        raise RuntimeError("the server counted other bytes than were sent")


@contextmanager
def many(
    runner: asyncio.Runner,
    platform: Platform,
    echo_urls: Sequence[str],
    function: FunctionRef,
    count: int,
) -> Iterator[list[list[Call]]]:
    """Open so many connections to a function, and to each server; yields calls over each kind."""
    stack = AsyncExitStack()

    async def ours(cape: AsyncCape) -> Call:
        context = await stack.enter_async_context(cape.function_context(function, None))
        await context.invoke(PAYLOAD)
        return partial(context.invoke, PAYLOAD)

    async def plain(echo_url: str) -> Call:
        connect = websockets.asyncio.client.connect
        connecting = connect(echo_url, compression=None, max_size=MAX_MESSAGE)
        call = partial(_echoed, await stack.enter_async_context(connecting))
        await call()
        return call

    async def open_all() -> list[list[Call]]:
        cape = await stack.enter_async_context(AsyncCape(config_dir=platform.config_folder))
        calls = [[await ours(cape) for _ in range(count)]]
        return calls + [[await plain(url) for _ in range(count)] for url in echo_urls]

    try:
        yield runner.run(open_all())
    finally:
        runner.run(stack.aclose())


@contextmanager
def idle(
    runner: asyncio.Runner, platform: Platform, function: FunctionRef, count: int
) -> Iterator[None]:
    """Open so many sessions that were attested and make no call."""
    stack = AsyncExitStack()

    async def open_all() -> None:
        cape = await stack.enter_async_context(AsyncCape(config_dir=platform.config_folder))
        await cape.attest()
        for _ in range(count):
            await stack.enter_async_context(cape.function_context(function, None))

    try:
        runner.run(open_all())
        yield
    finally:
        runner.run(stack.aclose())


def awaited(runner: asyncio.Runner, name: str, call: Call) -> Contender:
    """Time calls that are made one after the other."""

    async def run(laps: int) -> list[float]:
        taken = []
        for _ in range(laps):
            start = time.perf_counter()
            await call()
            taken.append(time.perf_counter() - start)
        return taken

    return Contender(name, lambda laps: runner.run(run(laps)))


def together(runner: asyncio.Runner, name: str, calls: list[Call]) -> Contender:
    """Time calls that are made over all connections at once; a lap is the time divided by them."""

    async def repeat(call: Call) -> None:
        for _ in range(CALLS_A_LAP):
            await call()

    async def run(laps: int) -> list[float]:
        taken = []
        for _ in range(laps):
            start = time.perf_counter()
            await asyncio.gather(*(repeat(call) for call in calls))
            taken.append((time.perf_counter() - start) / len(calls) / CALLS_A_LAP)
        return taken

    return Contender(name, lambda laps: runner.run(run(laps)))


async def _echoed(connection: websockets.asyncio.client.ClientConnection) -> None:
    await connection.send(PAYLOAD)
    await connection.recv()
