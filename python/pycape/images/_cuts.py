"""Where the bytes of an image could be cut again, into other code with the same PCR0."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pycape.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

# What kernels take for the beginning of an archive, compressed or not (lib/decompress.c).
_ARCHIVES = (
    b"0707",
    b"\x1f\x8b",
    b"\x1f\x9e",
    b"BZ",
    b"\x5d\x00",
    b"\xfd7zXZ",
    b"\x89LZO",
    b"\x02\x21L\x18",
    b"\x28\xb5\x2f\xfd",
)
# A section's header after its first byte, which is zero: a ramdisk without flags, and its size.
_RAMDISK, _REST_OF_HEADER = b"\x03\x00\x00", 11
_PIECE = 1 << 20


def check_cuts(image: Path, command_line: str) -> None:
    """Look for the command line before an archive, where no command line is.

    The registers measure kernel, command line and ramdisks without their lengths. Whoever starts an
    image with such a file could give its kernel that text and that archive in place of the image's
    own (docs/spec/enclave.md, where one part ends).

    Raises ImageError where there is one.
    """
    line = command_line.encode()
    if not line:
        return  # it stands before everything, and our first process refuses it
    with image.open("rb", buffering=0) as file:
        for place in _places(file.fileno(), line):
            if _is_archive(file.fileno(), place + len(line)):
                raise ImageError(
                    f"a file of the image has the command line's text before an archive, at byte"
                    f" {place:,}: cut there, other code would have the same PCR0",
                    hint="leave that file out, or let it not end with that text",
                )


def _places(file: int, text: bytes) -> Iterator[int]:
    """Yield where a text stands in a file."""
    offset, tail, pattern = 0, b"", re.compile(re.escape(text))
    while piece := os.pread(file, _PIECE, offset):
        data = tail + piece
        for found in pattern.finditer(data):
            yield offset - len(tail) + found.start()
        offset += len(piece)
        tail = data[len(data) - len(text) + 1 :]


def _is_archive(file: int, offset: int) -> bool:
    """Tell whether a kernel would find an archive there. It passes over zeros before one."""
    offset, head = _behind_zeros(file, offset)
    if head.startswith(_RAMDISK):  # nobody measures it: the next ramdisk follows
        offset, head = _behind_zeros(file, offset + _REST_OF_HEADER)
    return head.startswith(_ARCHIVES)


def _behind_zeros(file: int, offset: int) -> tuple[int, bytes]:
    """Return where zeros end, and the bytes that begin there."""
    size = 64
    while piece := os.pread(file, size, offset):
        if rest := piece.lstrip(b"\0"):
            offset += len(piece) - len(rest)
            return offset, os.pread(file, 16, offset)
        offset, size = offset + len(piece), _PIECE
    return offset, b""
