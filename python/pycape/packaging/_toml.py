"""TOML files of a function's folder."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from pycape.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS_NAME = "cape.toml"
PROJECT_NAME = "pyproject.toml"


def read_toml(file: Path) -> dict[str, Any] | None:
    """Return the content of `file`, None if there is no such file."""
    if not file.is_file():
        return None
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{file.name} is not TOML: {error}", hint="a line of it is as in: memory_mib = 512"
        ) from error


def table(document: dict[str, Any] | None, *path: str) -> dict[str, Any] | None:
    """Return the table at `path` in a document, None if there is none.

    >>> table({"tool": {"cape": {}}}, "tool", "cape")
    {}
    """
    found: Any = document
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None
