"""Streams in gzip, xz and zstd, of which little is held at a time."""

from __future__ import annotations

import lzma
import zlib
from typing import TYPE_CHECKING, Protocol

from pycape._core import ZstdDecompressor
from pycape.errors import ArchiveRefused
from pycape.images._budget import check_ratio

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 128 << 10
_XZ_MEMORY = 256 << 20


class Source(Protocol):
    """What bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""


class _Engine(Protocol):
    may_end: bool

    def step(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        """Return what comes out, at most `most` bytes, and what is left of `data`."""


class _Plain:
    may_end = True

    def step(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        return data[:most], data[most:]


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.may_end = False

    def step(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        out = self._member.decompress(data, most)
        self.may_end = self._member.eof
        return out, self._member.unused_data if self.may_end else self._member.unconsumed_tail


class _Xz:
    def __init__(self) -> None:
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
        self.may_end = False

    def step(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        out = self._stream.decompress(data, most)
        self.may_end = self._stream.eof
        return out, self._stream.unused_data if self.may_end else b""


class _Zstd:
    def __init__(self) -> None:
        self._stream = ZstdDecompressor()
        self.may_end = False

    def step(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        out, taken = self._stream.decompress(data, most)
        self.may_end = not self._stream.is_within_frame
        return out, data[taken:]


_ENGINES: dict[bytes, Callable[[], _Engine]] = {
    b"\x1f\x8b": _Gzip,
    b"\xfd7zXZ\0": _Xz,
    b"\x28\xb5\x2f\xfd": _Zstd,
}


class Decompressed:
    """What a stream is, whatever it is compressed with. Errors name it as `where`."""

    def __init__(self, source: Source, where: str) -> None:
        self._source = source
        self._where = where
        self._input = source.read(_CHUNK)
        self._make: Callable[[], _Engine] = next(
            (make for start, make in _ENGINES.items() if self._input.startswith(start)), _Plain
        )
        self._engine = self._make()
        self._taken = len(self._input)
        self._given = 0
        self._has_more = False
        self._buffer = b""

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes; fewer at the end alone."""
        pieces = []
        while size:
            if not self._buffer:
                self._buffer = self._next()
            if not self._buffer:
                break
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _next(self) -> bytes:
        while True:
            if not self._input and not self._has_more:
                self._input = self._source.read(_CHUNK)
                self._taken += len(self._input)
                if not self._input:
                    return self._end()
            if self._engine.may_end and self._input:
                self._engine = self._make()  # for what comes behind the end of one
            before = len(self._input)
            try:
                out, self._input = self._engine.step(self._input, _CHUNK)
            except (zlib.error, lzma.LZMAError, ValueError) as error:
                raise _malformed(self._where, str(error)) from error
            self._has_more = len(out) == _CHUNK and not self._engine.may_end
            self._given += len(out)
            check_ratio(self._where, self._taken, self._given)
            if out:
                return out
            if before and len(self._input) == before:
                raise _malformed(self._where, "it stands still")

    def _end(self) -> bytes:
        if not self._engine.may_end:
            raise _malformed(self._where, "it ends too early")
        return b""


def _malformed(where: str, reason: str) -> ArchiveRefused:
    return ArchiveRefused(f"{where}: it cannot be decompressed: {reason}", hint=_AGAIN)


_AGAIN = "take it anew from where it came: it is damaged, or was changed"
