"""Binary file objects of the caller's: read in full windows, written to the last byte."""

from __future__ import annotations

import io
from typing import Any, Protocol

from ._buffer import Buffer, view


class Reader(Protocol):
    """What is read from: a file opened with "rb", a socket's file, anything that has `read`."""

    def read(self, size: int, /) -> bytes | None:
        """Return that many bytes at most, and none at the end."""


class Writer(Protocol):
    """What is written to: a file opened with "wb", anything that has `write`."""

    def write(self, data: Buffer, /) -> int | None:
        """Take bytes; return how many, or None for all of them."""


class Output(Protocol):
    """Where windows go: each is filled where `place` says, and what of it counts is put."""

    def place(self) -> memoryview: ...
    def put(self, data: memoryview, /) -> int: ...


class Source:
    """A reader, of which windows are filled; straight into them where it has `readinto`.

    Raises:
        TypeError: it has neither `read` nor `readinto`.
    """

    def __init__(self, reader: Any) -> None:
        self._read_into = getattr(reader, "readinto", None) or _read_into(reader)
        self._ended = False

    def fill(self, window: memoryview) -> int:
        """Read until the window is full, or to the end; return the bytes read.

        Raises:
            TypeError: what the reader gives is not bytes.
            ValueError: it gives more than was asked for, or has nothing yet and does not wait.
        """
        filled = 0
        while filled < len(window) and not self._ended:
            count = self._read_into(window[filled:])
            if count is None:
                raise ValueError("the reader has nothing yet and does not wait for more")
            if not isinstance(count, int):
                raise TypeError(f"the reader's readinto returned {type(count).__name__}, not int")
            if not 0 <= count <= len(window) - filled:
                raise ValueError(f"the reader's readinto returned {count} for {len(window)} bytes")
            filled += count
            self._ended = count == 0
        return filled


class Sink:
    """A writer as an output of one window: what is put was written when that returns."""

    def __init__(self, writer: Writer, size: int) -> None:
        self._writer = writer
        self._window = memoryview(bytearray(size))

    def place(self) -> memoryview:
        """Return the window, which is always the same."""
        return self._window

    def put(self, data: memoryview) -> int:
        """Write all of `data`, as `write` does; return its length."""
        write(self._writer, data)
        return len(data)


def write(writer: Writer, data: memoryview) -> None:
    """Write all of `data`, however much the writer takes at a time.

    Raises:
        TypeError: it has no `write`, or that returns neither a number nor None.
        ValueError: it takes nothing, or says that it took more than there is.
    """
    put = _method(writer, "write")
    while data:
        count = put(data)
        if count is None:
            if isinstance(writer, io.RawIOBase):
                raise ValueError("the writer takes nothing and does not wait")
            return  # Many writers take everything and return nothing.
        if not isinstance(count, int):
            raise TypeError(f"the writer's write returned {type(count).__name__}, not int")
        if not 0 < count <= len(data):
            raise ValueError(f"the writer's write returned {count} for {len(data)} bytes")
        data = data[count:]


def _read_into(reader: Any) -> Any:
    read = _method(reader, "read")

    def read_into(window: memoryview) -> int | None:
        data = read(len(window))
        if data is None:
            return None
        if isinstance(data, str):
            raise TypeError('the reader gives text: open it with "rb", or take its .buffer')
        octets = view(data)
        if len(octets) > len(window):
            raise ValueError(f"the reader gave {len(octets)} bytes for {len(window)}")
        window[: len(octets)] = octets
        return len(octets)

    return read_into


def _method(stream: Any, name: str) -> Any:
    method = getattr(stream, name, None)
    if not callable(method):
        raise TypeError(
            f"a binary file object is wanted, which has {name}: not {type(stream).__name__}"
        )
    return method
