"""Which sources: a file that names a version of each Debian package, its size, and its SHA-256."""

import re
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .error import BuildError

_FORMS = {
    "archive": re.compile(r"Debian(-Security)?"),
    "suite": re.compile(r"[a-z]+(-[a-z]+)*"),
    "name": re.compile(r"[a-z0-9][a-z0-9+.-]+"),
    "version": re.compile(r"[A-Za-z0-9.+:~-]+"),
    "kind": re.compile(r"binary|source"),
    "sha256": re.compile(r"[0-9a-f]{64}"),
}
_MOST_BYTES = 1 << 30
_HEADING = "# Debian's packages, pinned; `build --raise` writes this file anew.\n"


@dataclass(frozen=True)
class Package:
    """A file of Debian's archive.

    `archive` and `suite` are Label and Codename of its Release file; `kind` is `binary` (a .deb) or
    `source` (the original source, without what Debian adds to it).
    """

    archive: str
    suite: str
    name: str
    version: str
    kind: str
    size: int
    sha256: str


Packages = dict[str, Package]
"""Packages by what they are for."""


def read(path: Path, *uses: str) -> Packages:
    """Return the packages that a file pins.

    Raises:
        BuildError: it is not there or no TOML, has others, or a field is missing or out of form.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BuildError(f"{path.name} cannot be read: {error}") from error
    if tables.keys() != set(uses):
        raise BuildError(f"{path.name} has other tables than {', '.join(uses)}")
    return {use: _package(f"{path.name}, [{use}]", table) for use, table in tables.items()}


def write(path: Path, packages: Packages) -> None:
    """Write what `read` returns."""
    tables = [_HEADING]
    for use, package in packages.items():
        lines = [f"{field} = {_literal(value)}\n" for field, value in asdict(package).items()]
        tables.append(f"[{use}]\n{''.join(lines)}")
    path.write_text("\n".join(tables), "utf-8")


def _package(where: str, table: Any) -> Package:
    fields = Package.__dataclass_fields__.keys()
    if not isinstance(table, dict) or table.keys() != fields:
        raise BuildError(f"{where} has other fields than {', '.join(fields)}")
    for field, form in _FORMS.items():
        if not isinstance(table[field], str) or not form.fullmatch(table[field]):
            raise BuildError(f"{where}: {field} is not of the form {form.pattern}")
    if type(table["size"]) is not int or not 0 < table["size"] <= _MOST_BYTES:
        raise BuildError(f"{where}: size is not between 1 and {_MOST_BYTES}")
    return Package(**table)


def _literal(value: str | int) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
