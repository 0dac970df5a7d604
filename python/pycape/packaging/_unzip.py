"""Unpacking a zip that nobody has checked yet."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from pycape.errors import BundleTooLarge, FileRefused, PackagingError
from pycape.packaging._files import MAX_FILES, File, check_name, check_together, too_many_files
from pycape.packaging._sizes import in_words

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1

# What zipfile and zlib raise for malformed archives, besides saying that they are.
_UNSOUND = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)


def check_new_or_empty(into: Path) -> None:
    """Refuse a folder that holds something: what is unpacked would be lost in it.

    Raises:
        PackagingError: it does.
    """
    if into.is_dir() and any(into.iterdir()):
        raise PackagingError(f"{into} is not empty", hint="name a new folder, or an empty one")


def unzip(archive: Path, into: Path, max_size: int) -> None:
    """Unpack `archive` into the folder `into`, which must be new or empty.

    Every entry is checked before the first is written: names, kinds, and the sizes that
    the archive states, `max_size` bytes in all. None grows beyond its stated size.
    """
    check_new_or_empty(into)
    into.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _checked(opened, into, max_size)
            for entry, file in entries:
                _unpack(opened, entry, file)
    except _UNSOUND as error:
        raise PackagingError(
            f"{archive} is not a sound zip: {error}",
            hint="make the zip anew, or name the folder itself",
        ) from error


def _checked(
    opened: zipfile.ZipFile, into: Path, max_size: int
) -> list[tuple[zipfile.ZipInfo, File]]:
    entries = []
    for entry in opened.infolist():
        check_name(entry.orig_filename.removesuffix("/"))
        if entry.is_dir():
            continue
        _check_kind(entry)
        entries.append((entry, File(entry.filename, into / entry.filename, entry.file_size)))
    if len(entries) > MAX_FILES:
        raise too_many_files(len(entries))
    check_together(file for _, file in entries)
    total = sum(file.size for _, file in entries)
    if total > max_size:
        raise BundleTooLarge(
            f"unpacked, the zip is {in_words(total)}; the limit is {in_words(max_size)}",
            details={"size": str(total), "limit": str(max_size)},
        )
    return entries


def _check_kind(entry: zipfile.ZipInfo) -> None:
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise FileRefused(f"{entry.filename} is a link or a special file")
    if mode & (stat.S_ISUID | stat.S_ISGID):
        raise FileRefused(f"{entry.filename} has a set-user-id or set-group-id bit")
    if entry.flag_bits & _ENCRYPTED:
        raise FileRefused(f"{entry.filename} is encrypted")
    if entry.compress_type not in _METHODS:
        raise FileRefused(
            f"{entry.filename} has compression method {entry.compress_type};"
            " stored and deflated are read"
        )


def _unpack(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, file: File) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    left = file.size
    with opened.open(entry) as source, file.path.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise FileRefused(f"{file.name} is longer than the zip says")
            sink.write(chunk)
