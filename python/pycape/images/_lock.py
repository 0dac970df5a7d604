"""The lock file: which packages an image is made of, to the byte."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pycape._arguments import only_path
from pycape._files import no_file, read_text, write_output
from pycape.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PACKAGE_NAME = r"[a-z0-9][a-z0-9+.-]{1,127}"
_VERSION = r"[A-Za-z0-9.+~:-]{1,128}"
_FIELDS = {
    "name": PACKAGE_NAME,
    "version": _VERSION,
    "architecture": r"[a-z0-9]{2,32}",
    "sha256": r"[0-9a-f]{64}",
}
_MAX_SIZE = 1 << 30
_TITLE = "# The packages of an image, written by `cape image lock`.\n"


@dataclass(frozen=True)
class LockedPackage:
    """One package; `sha256` (hex) and `size` (bytes) are of its .deb file."""

    name: str
    version: str
    architecture: str
    sha256: str
    size: int

    @property
    def file(self) -> str:
        """The name that its file has by custom, without an epoch in the version."""
        version = self.version.partition(":")[2] or self.version
        return f"{self.name}_{version}_{self.architecture}.deb"


@dataclass(frozen=True)
class Lock:
    """All packages in the order of their names, and what they were resolved from."""

    wanted: tuple[str, ...]
    without: tuple[str, ...]
    packages: tuple[LockedPackage, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(package.size for package in self.packages)


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock file, whole or not at all.

    Raises ConfigError where it cannot be written.
    """
    lines = [_TITLE, f"wanted = {_texts(lock.wanted)}\nwithout = {_texts(lock.without)}\n"]
    lines += [
        f'[[package]]\nname = "{each.name}"\nversion = "{each.version}"\n'
        f'architecture = "{each.architecture}"\nsha256 = "{each.sha256}"\nsize = {each.size}\n'
        for each in lock.packages
    ]
    write_output(path, "\n".join(lines).encode())


def read_lock(path: str | os.PathLike[str]) -> Lock:
    """Read a lock file.

    Raises ConfigError where there is none, or where it breaks the form.
    """
    path = only_path("path", path)
    text = read_text(path)
    if text is None:
        error = no_file("lock file", path)
        error.hint = "`cape image lock` writes it"
        raise error
    try:
        return _lock(path, tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        raise _malformed(path, f"it is not TOML: {error}") from error


def _lock(path: Path, document: dict[str, Any]) -> Lock:
    if document.keys() != {"wanted", "without", "package"}:
        raise _malformed(path, "it has other keys than wanted, without and package")
    packages = document["package"]
    if not isinstance(packages, list):
        raise _malformed(path, "package is no list of tables")
    locked = tuple(_package(path, each) for each in packages)
    names = [package.name for package in locked]
    if names != sorted(set(names)):
        raise _malformed(path, "its packages are not in the order of their names, each once")
    return Lock(_names(path, document, "wanted"), _names(path, document, "without"), locked)


def _package(path: Path, table: object) -> LockedPackage:
    if not isinstance(table, dict) or table.keys() != {*_FIELDS, "size"}:
        raise _malformed(path, f"a package has other keys than {', '.join(_FIELDS)}, size")
    for key, pattern in _FIELDS.items():
        if not isinstance(table[key], str) or not re.fullmatch(pattern, table[key]):
            raise _malformed(path, f"{key} of a package is {table[key]!r}")
    if type(table["size"]) is not int or not 0 < table["size"] <= _MAX_SIZE:
        raise _malformed(path, f"size of {table['name']} is {table['size']!r}")
    return LockedPackage(**table)


def _names(path: Path, document: dict[str, Any], key: str) -> tuple[str, ...]:
    names = document[key]
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise _malformed(path, f"{key} is no list of texts")
    return tuple(names)


def _texts(texts: Sequence[str]) -> str:
    return "".join(["[", *(f'\n    "{text}",' for text in texts), "\n]" if texts else "]"])


def _malformed(path: Path, why: str) -> ConfigError:
    return ConfigError(f"{path}: {why}", hint="`cape image lock` writes it anew")
