"""Many calls of one function, for the async client. See `_map.py`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
)
from typing import TYPE_CHECKING, Any, TypeAlias

from ._typed_call import tell_index
from .errors import ConnectFailed

if TYPE_CHECKING:
    from ._async_function_context import AsyncFunctionContext

_Call: TypeAlias = Callable[["AsyncFunctionContext", bytes], Awaitable[bytes]]


async def map_in_order(
    call: _Call,
    inputs: AsyncIterator[bytes],
    connect: Callable[[], Awaitable[AsyncFunctionContext]],
    *,
    connections: int,
    buffersize: int,
) -> AsyncGenerator[bytes, None]:
    """Yield the outputs of calls in the order of their inputs.

    Up to `buffersize` are begun whose output was not taken.

    Raises:
        What a call or reading the inputs raises, and the index of the call is told in it.
    """
    pool = _Connections(connect, connections)
    begun: deque[asyncio.Future[bytes]] = deque()

    async def begin() -> asyncio.Future[bytes] | None:
        try:
            data = await anext(inputs, None)
        except Exception as error:  # it is raised behind the outputs that come before it
            failed: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed
        return None if data is None else asyncio.create_task(pool.make(call, data))

    index = 0
    try:
        while True:
            # Once one has failed no other begins.
            while len(begun) < buffersize and not any(map(has_failed, begun)):
                if (future := await begin()) is None:
                    break
                begun.append(future)
            if not begun:
                return
            # Not the call itself is awaited: with it cancelled, one that waits would begin.
            await asyncio.wait([begun[0]])
            try:
                output = begun.popleft().result()
            except Exception as error:
                tell_index(error, index)
                raise
            yield output
            index += 1
    finally:
        for future in begun:
            future.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        await pool.close()


async def together(
    iterables: tuple[Iterable[Any] | AsyncIterable[Any], ...],
) -> AsyncIterator[tuple[Any, ...]]:
    """Yield the items of iterables, asynchronous ones too, as `zip` does."""
    readers = [aiter(each) if isinstance(each, AsyncIterable) else iter(each) for each in iterables]
    while True:
        row = []
        for reader in readers:
            if isinstance(reader, AsyncIterator):
                item = await anext(reader, _END)
            else:
                item = next(reader, _END)
            if item is _END:
                return
            row.append(item)
        yield tuple(row)


_END = object()


def has_failed(future: asyncio.Future[bytes]) -> bool:
    """Tell whether a call has ended with an error."""
    return future.done() and not future.cancelled() and future.exception() is not None


class _Connections:
    """Connections that are opened when none is idle, and used again."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncFunctionContext]], most: int) -> None:
        self._connect = connect
        self._room = asyncio.Semaphore(most)
        self._open: list[AsyncFunctionContext] = []
        self._idle: list[AsyncFunctionContext] = []

    async def make(self, call: _Call, data: bytes) -> bytes:
        """Make a call over one of them, once one may be used."""
        async with self._room:
            while self._idle:
                context = self._idle.pop()
                try:
                    return await self._made(call, context, data)
                except ConnectFailed:
                    await context.close()  # it had ended since its last call; nothing was sent
            context = await self._connect()
            self._open.append(context)
            return await self._made(call, context, data)

    async def close(self) -> None:
        """Close all, once nothing uses them."""
        for context in self._open:
            await context.close()

    async def _made(self, call: _Call, context: AsyncFunctionContext, data: bytes) -> bytes:
        output = await call(context, data)
        self._idle.append(context)
        return output
