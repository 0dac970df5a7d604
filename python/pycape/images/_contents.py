"""Files' contents on their way from archives to an image: one behind the other in one file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from pycape._byte_streams import write

if TYPE_CHECKING:
    from types import TracebackType

    from pycape.images._decompress import Source

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Part:
    """So many bytes of a file, from an offset on."""

    path: Path
    offset: int
    size: int

    @contextmanager
    def open(self) -> Iterator[Source]:
        """Lend what reads them."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            yield _Reader(file, self.size)

    def read(self, most: int) -> bytes:
        """Return the first of them, at most so many."""
        with self.open() as source:
            return source.read(most)


class Contents:
    """Keeps contents in a file without a name, of which nothing is left however a build ends.

    Whatever strangers call a file, no path is made of it.
    """

    def __init__(self, folder: Path) -> None:
        # Its room is asked for where the image goes: other file systems may be in memory.
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - in __exit__
        self._path = Path(f"/dev/fd/{self._file.fileno()}")
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def take(self, source: Source) -> Part:
        """Write a content down, to its end, and return where it can be read while this is open."""
        offset = self._size
        while data := source.read(_CHUNK):
            write(self._file, memoryview(data))
            self._size += len(data)
        return Part(self._path, offset, self._size - offset)


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int, /) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data
