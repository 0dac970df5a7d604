"""The bytes that are inspected."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pycape.cli._files import STDIN, no_input, read_stdin

# What is read of stdin: whole groups of base64 after `cape:2:`, and more than any header has.
MOST_OF_STREAM = len("cape:2:") + (1 << 20)

# Statements, keys, policies and profiles are shorter.
_MOST_TEXT = 256 << 10


@dataclass(frozen=True)
class Source:
    """A file, or the beginning of a stream.

    `data` is all of a file, of which the system loads what is looked at, and at most
    `MOST_OF_STREAM` bytes of a stream; `whole` says whether that is all.
    """

    name: str
    data: bytes | mmap.mmap
    whole: bool

    @property
    def size(self) -> int:
        """Bytes that there are to look at."""
        return len(self.data)

    @cached_property
    def text(self) -> str | None:
        """The text without white space around it; None for what is too long, or no UTF-8."""
        if not self.whole or self.size > _MOST_TEXT:
            return None
        try:
            return self.data[:].decode().strip()
        except UnicodeDecodeError:
            return None


@contextmanager
def open_source(name: str) -> Iterator[Source]:
    """Lend a file, or what stdin begins with (`-`)."""
    if name == STDIN:
        data = read_stdin(MOST_OF_STREAM + 1)
        yield Source(name, data[:MOST_OF_STREAM], whole=len(data) <= MOST_OF_STREAM)
        return
    try:
        with Path(name).open("rb") as file:
            mapped = _mapped(file.fileno())
            if mapped is None:
                data = file.read(MOST_OF_STREAM + 1)
                source = Source(name, data[:MOST_OF_STREAM], whole=len(data) <= MOST_OF_STREAM)
            else:
                source = Source(name, mapped, whole=True)
    except OSError as error:
        raise no_input(name, error) from error
    yield source


def _mapped(descriptor: int) -> mmap.mmap | None:
    """Return a file's bytes without reading them; None for what is empty, or no file."""
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
