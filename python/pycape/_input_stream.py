"""The input of a call that comes piece by piece: a binary file, or an iterable of pieces."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from ._buffer import Buffer, view
from ._envelope_text import EnvelopeText

if TYPE_CHECKING:
    from ._async_input import InputReader

# Bytes that are asked for at a time: what one DATA frame carries.
_PIECE = 256 * 1024

# A buffer, a binary file, an iterable of buffers; for the async client also one of these to await.
Input: TypeAlias = Any


class InputStream:
    """What one call reads, once. Of an envelope in binary form it gives the text.

    Raises:
        TypeError: `source` is neither a file nor an iterable.
    """

    def __init__(self, source: Input) -> None:
        self._next, self._is_async = _reading(source)
        self._text = EnvelopeText()
        self._ended = False
        self._reader: InputReader | None = None

    def read(self) -> Buffer | None:
        """Return the next piece, never an empty one; None at the end.

        Raises:
            TypeError: a piece is no contiguous buffer, or the source has to be awaited.
            ValueError: the source has nothing yet and does not wait.
        """
        if self._is_async:
            raise TypeError("this input has to be awaited, as AsyncCape does")
        while not self._ended:
            if piece := self._take(self._next()):
                return piece
        return None

    async def read_async(self) -> Buffer | None:
        """Do the same without blocking the event loop."""
        import asyncio  # noqa: PLC0415 - the sync client does without

        while not self._ended:
            given = await (self._next() if self._is_async else asyncio.to_thread(self._next))
            if piece := self._take(await given if inspect.isawaitable(given) else given):
                return piece
        return None

    def reader(self) -> InputReader:
        """Return what reads it in the running event loop, until `close`."""
        if self._reader is None:
            from ._async_input import InputReader  # noqa: PLC0415 - the sync client does without

            self._reader = InputReader(self)
        return self._reader

    def close(self) -> None:
        """Read no more of it."""
        if self._reader is not None:
            self._reader.close()

    def _take(self, given: Any) -> Buffer:
        if inspect.isawaitable(given):
            if inspect.iscoroutine(given):
                given.close()
            raise TypeError("this input has to be awaited, as AsyncCape does")
        if given is None:
            raise ValueError("the input has nothing yet and does not wait for more")
        if given is _END:
            self._ended = True
            return self._text.end()
        return self._text.add(view(given, "a piece of the input"))


_END = object()


def is_stream(value: Input) -> bool:
    """Tell whether an input is to be read, since it is no buffer and not text."""
    if isinstance(value, str):
        return False
    try:
        memoryview(value)
    except TypeError:
        is_iterable = isinstance(value, Iterable | AsyncIterable) and not isinstance(value, Mapping)
        return _can_read(value) or is_iterable
    except (ValueError, BufferError):
        pass  # a buffer that is of no use
    return False


def _can_read(value: Input) -> bool:
    return callable(getattr(value, "read", None))


def _reading(source: Input) -> tuple[Callable[[], Any], bool]:
    """Return what gives the next piece or `_END`, and whether it has to be awaited."""
    if _can_read(source):
        # What is there already is enough: the function may be waiting for it.
        read = getattr(source, "read1", source.read)
        if inspect.iscoroutinefunction(read):

            async def read_piece() -> Any:
                given = await read(_PIECE)
                return _END if given is not None and not len(given) else given

            return read_piece, True
        return lambda: _or_end(read(_PIECE)), False
    if isinstance(source, AsyncIterable):
        iterator = aiter(source)
        return lambda: anext(iterator, _END), True
    pieces = iter(source)
    return lambda: next(pieces, _END), False


def _or_end(given: Any) -> Any:
    return _END if isinstance(given, bytes | bytearray | memoryview) and not given else given
