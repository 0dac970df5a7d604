"""Debian packages (deb(5)): an ar archive, of which only the files are looked at.

Maintainer scripts are in another member, which nobody reads here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pycape.images._decompress import Decompressed
from pycape.images._tar import refused

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from pycape.images._layers import Unpacking

_MAGIC = b"!<arch>\n"
_HEADER = re.compile(rb"(?s)(.{16})[0-9 ]{12}[0-9 ]{6}[0-9 ]{6}[0-7 ]{8}([0-9]{1,10} *)`\n")
_HEADER_BYTES = 60
_DATA = re.compile(r"data\.tar(?:\.(?:gz|xz|zst))?")


def unpack_deb(path: Path, unpacking: Unpacking) -> None:
    """Unpack a package's files, whose digest was checked.

    Raises ArchiveRefused where it breaks the form, or a file in it does.
    """
    where = path.name
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise refused(where, "it is no Debian package: it does not begin as ar archives do")
        version = _member(file, where, "debian-binary")
        if not version.read(16).startswith(b"2."):
            raise refused(where, "it is a package of another format than 2")
        file.seek(version.end)
        while True:
            member = _member(file, where, None)
            if _DATA.fullmatch(member.name):
                break
            file.seek(member.end)
        unpacking.package(Decompressed(member, where), where)


class _Member:
    """One member of an ar archive, from where the file is now."""

    def __init__(self, file: BinaryIO, name: str, size: int) -> None:
        self.name = name
        self._file = file
        self._left = size
        self.end = file.tell() + size + size % 2

    def read(self, size: int, /) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


def _member(file: BinaryIO, where: str, expected: str | None) -> _Member:
    found = _HEADER.fullmatch(file.read(_HEADER_BYTES))
    if found is None:
        raise refused(where, "it is no Debian package: a member of it, or data.tar, is missing")
    name = found[1].decode("latin-1").rstrip().removesuffix("/")
    if expected not in {None, name}:
        raise refused(where, f"it is no Debian package: {name!r} is in the place of {expected}")
    return _Member(file, name, int(found[2]))
