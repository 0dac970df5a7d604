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
    Coroutine,
    Iterable,
)
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ._typed_call import has_failed, tell_index
from .errors import ConnectFailed

if TYPE_CHECKING:
    from ._async_function_context import AsyncFunctionContext

T = TypeVar("T")

Items: TypeAlias = Iterable[T] | AsyncIterable[T]
Results: TypeAlias = AsyncGenerator[T, None]

# Makes one call over a connection, and returns what came of it.
_Call: TypeAlias = Callable[["AsyncFunctionContext", bytes], Coroutine[Any, Any, T]]


async def map_in_order(
    call: _Call[T],
    inputs: AsyncIterator[bytes],
    connect: Callable[[], Awaitable[AsyncFunctionContext]],
    *,
    connections: int,
    buffersize: int,
) -> Results[T]:
    """Yield what comes of calls, in the order of their inputs.

    Up to `buffersize` are begun whose result was not taken.

    Raises:
        What a call or reading the inputs raises, and the index of the call is told in it.
    """
    pool = _Connections(connect, connections)
    begun: deque[asyncio.Future[T]] = deque()

    async def begin() -> asyncio.Future[T] | None:
        try:
            data = await anext(inputs, None)
        except Exception as error:  # it is raised behind the results that come before it
            failed: asyncio.Future[T] = asyncio.get_running_loop().create_future()
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
                result = begun.popleft().result()
            except Exception as error:
                tell_index(error, index)
                raise
            yield result
            index += 1
    finally:
        for future in begun:
            future.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        await pool.close()


async def together(iterables: tuple[Items[Any], ...]) -> AsyncIterator[tuple[Any, ...]]:
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


class _Connections:
    """Connections that are opened when none is idle, and used again."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncFunctionContext]], most: int) -> None:
        self._connect = connect
        self._room = asyncio.Semaphore(most)
        self._open: list[AsyncFunctionContext] = []
        self._idle: list[AsyncFunctionContext] = []

    async def make(self, call: _Call[T], data: bytes) -> T:
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

    async def _made(self, call: _Call[T], context: AsyncFunctionContext, data: bytes) -> T:
        result = await call(context, data)
        self._idle.append(context)
        return result
