"""Many calls of one function, for the sync client; `_async_map.py` is the other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ._typed_call import has_failed, tell_index
from .errors import ConnectFailed

if TYPE_CHECKING:
    from ._function_context import FunctionContext

T = TypeVar("T")

Items: TypeAlias = Iterable[T]
Results: TypeAlias = Generator[T, None, None]

# Makes one call over a connection, and returns what came of it.
_Call: TypeAlias = Callable[["FunctionContext", bytes], T]


def map_in_order(
    call: _Call[T],
    inputs: Iterator[bytes],
    connect: Callable[[], FunctionContext],
    *,
    connections: int,
    buffersize: int,
) -> Results[T]:
    """Yield what comes of calls, in the order of their inputs.

    Up to `buffersize` are begun whose result was not taken.

    Raises:
        What a call or reading the inputs raises, and the index of the call is told in it.
    """
    pool = _Connections(connect)
    executor = ThreadPoolExecutor(connections, "pycape-map")
    begun: deque[Future[T]] = deque()

    def begin() -> Future[T] | None:
        try:
            data = next(inputs, None)
        except Exception as error:  # it is raised behind the results that come before it
            failed: Future[T] = Future()
            failed.set_exception(error)
            return failed
        return None if data is None else executor.submit(pool.make, call, data)

    index = 0
    try:
        while True:
            # Once one has failed no other begins.
            while len(begun) < buffersize and not any(map(has_failed, begun)):
                if (future := begin()) is None:
                    break
                begun.append(future)
            if not begun:
                return
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
        pool.close()
        executor.shutdown()


class _Connections:
    """Connections that are opened when none is idle, and used again."""

    def __init__(self, connect: Callable[[], FunctionContext]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._open: list[FunctionContext] = []
        self._idle: list[FunctionContext] = []
        self._is_closed = False

    def make(self, call: _Call[T], data: bytes) -> T:
        """Make a call over one of them."""
        while (context := self._take_idle()) is not None:
            try:
                return self._made(call, context, data)
            except ConnectFailed:
                context.close()  # it had ended since its last call; nothing was sent
        return self._made(call, self._opened(), data)

    def close(self) -> None:
        """Close all; calls that wait for an answer fail."""
        with self._lock:
            self._is_closed = True
        for context in self._open:
            context.close()

    def _made(self, call: _Call[T], context: FunctionContext, data: bytes) -> T:
        result = call(context, data)
        with self._lock:
            self._idle.append(context)
        return result

    def _take_idle(self) -> FunctionContext | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _opened(self) -> FunctionContext:
        context = self._connect()
        with self._lock:
            if not self._is_closed:
                self._open.append(context)
                return context
        context.close()
        raise ConnectFailed("the map was closed")
