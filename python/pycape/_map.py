"""Many calls of one function, for the sync client; `_async_map.py` is the other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

from ._typed_call import tell_index
from .errors import ConnectFailed

if TYPE_CHECKING:
    from ._function_context import FunctionContext

_Call: TypeAlias = Callable[["FunctionContext", bytes], bytes]


def map_in_order(
    call: _Call,
    inputs: Iterator[bytes],
    connect: Callable[[], FunctionContext],
    *,
    connections: int,
    buffersize: int,
) -> Generator[bytes, None, None]:
    """Yield the outputs of calls in the order of their inputs.

    Up to `buffersize` are begun whose output was not taken.

    Raises:
        What a call or reading the inputs raises, and the index of the call is told in it.
    """
    pool = _Connections(connect)
    executor = ThreadPoolExecutor(connections, "pycape-map")
    begun: deque[Future[bytes]] = deque()

    def begin() -> Future[bytes] | None:
        try:
            data = next(inputs, None)
        except Exception as error:  # it is raised behind the outputs that come before it
            failed: Future[bytes] = Future()
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
                output = begun.popleft().result()
            except Exception as error:
                tell_index(error, index)
                raise
            yield output
            index += 1
    finally:
        for future in begun:
            future.cancel()
        pool.close()
        executor.shutdown()


def has_failed(future: Future[bytes]) -> bool:
    """Tell whether a call has ended with an error."""
    return future.done() and not future.cancelled() and future.exception() is not None


class _Connections:
    """Connections that are opened when none is idle, and used again."""

    def __init__(self, connect: Callable[[], FunctionContext]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._open: list[FunctionContext] = []
        self._idle: list[FunctionContext] = []
        self._is_closed = False

    def make(self, call: _Call, data: bytes) -> bytes:
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

    def _made(self, call: _Call, context: FunctionContext, data: bytes) -> bytes:
        output = call(context, data)
        with self._lock:
            self._idle.append(context)
        return output

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
