"""What functions give: one value, or several as they come. Spec: docs/spec/serde.md, series."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pycape._buffer import Buffer, view

from ._decoder import deserialize

if TYPE_CHECKING:
    from ._hook import Hook

# No value of MessagePack begins with it.
MARK = b"\xc1"
_LENGTH_BYTES = 8

# What is not longer is sent with its length, in one message.
_SMALL = 64 * 1024


def member(text: bytes) -> Iterator[bytes]:
    """Yield a member of a series, in one piece if it is small: never a copy of one that is not."""
    length = len(text).to_bytes(_LENGTH_BYTES, "big")
    if len(text) <= _SMALL:
        yield length + text
    else:
        yield length
        yield text


def deserialize_output(output: Buffer, decoder: Hook | None = None) -> Any:
    """Return the value that a function gave, or the list of those that it yielded.

    Raises:
        As `deserialize`.
    """
    if view(output)[:1] != MARK:
        return deserialize(output, decoder)
    reader = OutputReader(decoder)
    return [*reader.add(output), *reader.end()]


class OutputReader:
    """Values of an output that comes in pieces of whatever size."""

    def __init__(self, decoder: Hook | None = None) -> None:
        self._decoder = decoder
        self._pieces: deque[memoryview] = deque()
        self._held = 0
        self._is_series: bool | None = None
        self._length: int | None = None

    def add(self, piece: Buffer) -> Iterator[Any]:
        """Take a piece, and yield the values of a series that are whole with it.

        Raises:
            As `deserialize`.
        """
        taken = view(piece)
        self._pieces.append(taken)
        self._held += len(taken)
        if self._is_series is None and self._held:
            self._is_series = self._pieces[-1][:1] == MARK
            if self._is_series:
                self._cut(len(MARK))
        while self._is_series and (text := self._next_text()) is not None:
            yield deserialize(text, self._decoder)

    def end(self) -> Iterator[Any]:
        """Yield the value of an output that is no series: it is whole at the end only.

        Raises:
            ValueError: a series ends within a value.
            As `deserialize` besides.
        """
        if not self._is_series:
            yield deserialize(self._cut(self._held), self._decoder)
        elif self._held or self._length is not None:
            raise ValueError("these are no values: the last one is not whole")

    def _next_text(self) -> memoryview | None:
        if self._length is None:
            if self._held < _LENGTH_BYTES:
                return None
            self._length = int.from_bytes(self._cut(_LENGTH_BYTES), "big")
        if self._held < self._length:
            return None
        length, self._length = self._length, None
        return self._cut(length)

    def _cut(self, length: int) -> memoryview:
        """Take the first bytes: a view of the piece that holds them, or a copy of several."""
        self._held -= length
        parts = []
        while length > 0:
            piece = self._pieces.popleft()
            parts.append(piece[:length])
            if len(piece) > length:
                self._pieces.appendleft(piece[length:])
            length -= len(parts[-1])
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
