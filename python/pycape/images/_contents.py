"""Files' contents on their way from archives to an image: on the disk, under names of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pycape.images._decompress import Source

_CHUNK = 1 << 20


class Contents:
    """A folder of contents. Whatever strangers call a file, no path is made of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def take(self, source: Source) -> Path:
        """Write a content down, to its end, and return where."""
        path = self._folder / f"{self._count:06x}"
        self._count += 1
        with path.open("xb", buffering=0) as file:
            while data := source.read(_CHUNK):
                file.write(data)
        return path
