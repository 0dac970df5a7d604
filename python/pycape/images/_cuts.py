"""Where the bytes of an image could be cut again, into other code with the same PCR0."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from pycape.errors import ImageError
from pycape.images._image import Section

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# docs/spec/image.md, header: where the tables of offsets and sizes are, and a ramdisk's type.
_TABLES, _TABLES_AT = ">64Q", 28
_RAMDISK, _SECTION_HEADER_BYTES = b"\0\3", 12

# An entry's header begins with one of these and has 13 numbers of 8 digits.
_ENTRY = re.compile(rb"07070[12]")
_ENTRY_BYTES, _MODE, _SIZE, _NAME_SIZE = 110, 1, 6, 11
# Kernels read a number up to what is no digit (lib/kstrtox.c).
_NUMBER = re.compile(rb"(?:0[xX])?([0-9a-fA-F]+)")
_LONGEST_NAME = 4096

_FIRST_PROGRAM = re.compile(rb"rdinit=")
_LONGEST_MATCH = 7
_PIECE = 1 << 20


def check_cuts(image: Path) -> None:
    """Refuse an image, which was just written, that could be cut again.

    Raises ImageError.
    """
    with image.open("rb", buffering=0) as file:
        ramdisks = [*_ramdisks(file.fileno())]
    defect = cut_defect(image, ramdisks)
    if defect is not None:
        raise ImageError(defect, hint="leave that out")


def cut_defect(image: Path, ramdisks: Sequence[Section]) -> str | None:
    """Return where an archive is in a file, or a first program's name in the first ramdisk.

    The registers measure kernel, command line and ramdisks without their lengths. Whoever starts an
    image with such a file could let its kernel begin to unpack there, and have any text before that
    as the command line (docs/spec/enclave.md, where one part ends).
    """
    with image.open("rb", buffering=0) as opened:
        file = opened.fileno()
        for place in _places(file, _FIRST_PROGRAM, ramdisks[0]):
            return (
                f"ramdisk 0 has the text rdinit=, at byte {place:,}: cut behind it, another first"
                " program would have the same registers"
            )
        hidden = (_hidden_entries(file, ramdisk) for ramdisk in ramdisks)
        for name, place in chain.from_iterable(hidden):
            return (
                f"{name!r} has an archive in it, at byte {place:,}: cut there, other code would"
                " have the same PCR0"
            )
    return None


def _ramdisks(file: int) -> Iterator[Section]:
    """Yield the ramdisks of an image."""
    size = struct.calcsize(_TABLES)
    table = struct.unpack(_TABLES, os.pread(file, size, _TABLES_AT))
    for offset, length in zip(table[:32], table[32:], strict=True):
        if os.pread(file, len(_RAMDISK), offset) == _RAMDISK:
            yield Section("ramdisk", offset + _SECTION_HEADER_BYTES, length)


def _hidden_entries(file: int, ramdisk: Section) -> Iterator[tuple[str, int]]:
    """Yield in which entry of an archive, and where, another begins: its own follow each other."""
    last = expected = ramdisk.offset
    for place in _places(file, _ENTRY, ramdisk):
        header = os.pread(file, _ENTRY_BYTES, place)
        if not _makes_something(header):
            continue
        if place != expected:
            yield _name(file, last), place
        last = place
        expected += _padded(_ENTRY_BYTES + _number(header, _NAME_SIZE))
        expected += _padded(_number(header, _SIZE))


def _makes_something(header: bytes) -> bool:
    """Tell whether a kernel would make a file, a directory or the like of an entry."""
    has_name = 1 <= _number(header, _NAME_SIZE) <= _LONGEST_NAME
    return has_name and stat.S_IFMT(_number(header, _MODE) & 0xFFFF) != 0


def _name(file: int, place: int) -> str:
    size = _number(os.pread(file, _ENTRY_BYTES, place), _NAME_SIZE)
    name = os.pread(file, min(size, _LONGEST_NAME), place + _ENTRY_BYTES)
    return name.rstrip(b"\0").decode(errors="replace")


def _number(header: bytes, field: int) -> int:
    at = 6 + 8 * field
    found = _NUMBER.match(header[at : at + 8])
    return int(found[1], 16) if found else 0


def _padded(size: int) -> int:
    return -(-size // 4) * 4


def _places(file: int, pattern: re.Pattern[bytes], section: Section) -> Iterator[int]:
    """Yield where in a section a pattern matches."""
    end = section.offset + section.size
    for offset in range(section.offset, end, _PIECE):
        most = min(_PIECE + _LONGEST_MATCH - 1, end - offset)
        for found in pattern.finditer(os.pread(file, most, offset)):
            if found.start() < _PIECE:
                yield offset + found.start()
