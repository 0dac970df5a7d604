"""Files on their way into a bundle, and what no bundle may hold (docs/spec/bundle.md)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pycape.errors import BundleTooLarge, FileRefused, PackagingError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MAX_FILES = 100_000
"""Files in a bundle."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAX_COMPONENT = 255
_MAX_NAME = 1024
_MAX_DEPTH = 32
_MAX_DIRECTORY = 32 << 20
_DIRECTORY_ENTRY = 46


@dataclass(frozen=True)
class File:
    """A regular file: its name in the bundle, where it is now, and its size in bytes."""

    name: str
    path: Path
    size: int
    fetched: bool = False


def check_name(name: str) -> None:
    """Refuse a name that would leave the bundle, or that not every system can hold."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise FileRefused(f"{name!r}: the name is not UTF-8") from None
    if _CONTROL.search(name):
        raise FileRefused(f"{name!r}: the name has a control character")
    if "\\" in name:
        raise FileRefused(f"{name!r}: the name has a backslash")
    components = name.split("/")
    if not components[0] or ".." in components:
        raise FileRefused(f"{name!r}: the name leads out of the folder")
    if "" in components or "." in components:
        raise FileRefused(f"{name!r}: the name has an empty part")
    if len(encoded) > _MAX_NAME:
        raise FileRefused(f"{name[:60]!r}...: the name is longer than {_MAX_NAME} bytes")
    if len(components) > _MAX_DEPTH:
        raise FileRefused(f"{name!r}: the file is more than {_MAX_DEPTH} folders deep")
    if any(len(component.encode()) > _MAX_COMPONENT for component in components):
        raise FileRefused(
            f"{name[:60]!r}...: a part of the name is longer than {_MAX_COMPONENT} bytes"
        )


def check_together(files: Iterable[File]) -> None:
    """Refuse files that cannot stand beside each other, and too many of them."""
    seen: dict[str, File] = {}
    folders: dict[str, File] = {}
    for file in files:
        key = _folded(file.name)
        if key in seen:
            raise _twice(seen[key], file)
        seen[key] = file
        while "/" in key:
            key = key.rpartition("/")[0]
            folders.setdefault(key, file)
    for key in folders.keys() & seen.keys():
        raise FileRefused(f"{seen[key].name} is a file, and a folder in {folders[key].name}")
    if len(seen) > MAX_FILES:
        raise too_many_files(len(seen))
    _check_directory(seen.values())


def text_of(file: Path) -> str:
    """Read a text file of the function's folder; "" if there is none."""
    try:
        return file.read_text(encoding="utf-8") if file.is_file() else ""
    except UnicodeDecodeError:
        raise PackagingError(f"{file.name} is not UTF-8", hint="save it as UTF-8") from None


def too_many_files(count: int) -> BundleTooLarge:
    """Return the error for `count` files or more."""
    return BundleTooLarge(
        f"{count:,} files or more; a bundle holds at most {MAX_FILES:,}",
        details={"files": str(count), "limit": str(MAX_FILES)},
    )


def _check_directory(files: Iterable[File]) -> None:
    """Limit the zip's own directory: an enclave holds it in memory."""
    size = sum(_DIRECTORY_ENTRY + len(file.name.encode()) for file in files)
    if size > _MAX_DIRECTORY:
        raise BundleTooLarge(
            f"the names of the files take {size:,} bytes; the limit is {_MAX_DIRECTORY:,}",
            details={"size": str(size), "limit": str(_MAX_DIRECTORY)},
        )


def _folded(name: str) -> str:
    """Equal for names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _twice(first: File, second: File) -> FileRefused:
    if first.fetched != second.fetched:
        return FileRefused(
            f"{second.name} is in the folder and in a dependency",
            hint="rename the function's own file, or list it in .capeignore",
        )
    if first.name == second.name:
        return FileRefused(f"{first.name} is there twice")
    return FileRefused(
        f"{first.name} and {second.name} are one file on systems that ignore case or"
        " compose accents",
        hint="rename one of them",
    )
