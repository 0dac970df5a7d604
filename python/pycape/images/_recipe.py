"""`image.toml`: what an image is made of, read strictly: what a typo leaves out is not measured."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pathspec import GitIgnoreSpec

from pycape._arguments import only_path, only_text
from pycape._files import no_file, read_text
from pycape._nearest import nearest
from pycape._several import several
from pycape.errors import ConfigError
from pycape.images._arguments import check_fields, only
from pycape.images._lock import PACKAGE_NAME
from pycape.images._tar import LONGEST_NAME, LONGEST_PATH
from pycape.images._toml_places import line_of

if TYPE_CHECKING:
    from typing import Literal

MAX_CPUS = 1024
MAX_MEMORY_MIB = 1 << 24
_MOST_SHOWN = 60
_MOST_METADATA = 64 << 10


@dataclass(frozen=True)
class ExtraFile:
    """A file of the image: of one on this machine, of a text, a link, or an empty directory."""

    path: str
    source: Path | None = None
    text: str | None = None
    link: str | None = None
    directory: bool = False
    mode: int | None = None

    def __post_init__(self) -> None:
        check_fields(self, path=only_text, source=only_path, text=only_text, link=only_text)


@dataclass(frozen=True)
class Packages:
    """Debian's packages: those wanted, those left out, the lock file, and what files stay away."""

    lock: Path
    wanted: tuple[str, ...]
    without: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self, lock=only_path)


@dataclass(frozen=True)
class Recipe:
    """What `image.toml` says, with paths that were relative to it."""

    name: str
    version: str
    architecture: Literal["x86_64", "aarch64"] = "x86_64"
    memory_mib: int = 2048
    cpus: int = 2
    kernel: Path | None = None
    command_line: str | None = None
    runtime: Path | None = None
    settings: Path | None = None
    insecure_vault_key: Path | None = None
    packages: Packages | None = None
    files: tuple[ExtraFile, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        paths = ("kernel", "runtime", "settings", "insecure_vault_key")
        check_fields(
            self,
            architecture=_only_architecture,
            packages=partial(only, Packages),
            files=_only_files,
            memory_mib=partial(only, int),
            **dict.fromkeys(paths, only_path),
        )


def _only_architecture(what: str, value: object) -> str:
    if value not in {"x86_64", "aarch64"}:
        raise ValueError(f"{what} is x86_64 or aarch64")
    return only_text(what, value)


def _only_files(what: str, values: Iterable[object]) -> tuple[ExtraFile, ...]:
    return tuple(only(ExtraFile, f"each of {what}", each) for each in several(what, values))


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read an `image.toml`.

    Raises ConfigError for whatever breaks its form: the message has the line.
    """
    path = only_path("path", path)
    text = read_text(path)
    if text is None:
        raise no_file("image.toml", path)
    try:
        return _recipe(_Reader(path, text), tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path} is not TOML: {error}", hint='a line of it is as in: name = "my-image"'
        ) from error


def _recipe(reader: _Reader, document: dict[str, Any]) -> Recipe:
    top = reader.table("", document, _TOP, required=("name", "version"))
    kernel = reader.table("kernel", top.pop("kernel", {}), _KERNEL)
    runtime = reader.table("runtime", top.pop("runtime", {}), _RUNTIME)
    given = top.pop("packages", None)
    packages = (
        None
        if given is None
        else Packages(**reader.table("packages", given, _PACKAGES, required=("lock", "wanted")))
    )
    files = tuple(reader.extra_file(index, each) for index, each in enumerate(top.pop("file", [])))
    return Recipe(
        **top,
        kernel=kernel.get("file"),
        command_line=kernel.get("command_line"),
        runtime=runtime.get("file"),
        settings=runtime.get("settings"),
        insecure_vault_key=runtime.get("insecure_vault_key"),
        packages=packages,
        files=files,
    )


class _NotAllowed(Exception):  # noqa: N818 - a message on its way to ConfigError
    """Says what is."""


# A parser takes the folder of the file and the value.
_Parser: TypeAlias = Callable[[Path, object], Any]


class _Reader:
    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def table(
        self,
        name: str,
        given: object,
        parsers: Mapping[str, _Parser],
        *,
        required: tuple[str, ...] = (),
        index: int = 0,
    ) -> dict[str, Any]:
        """Return the values of a table, parsed."""
        if not isinstance(given, dict):
            raise ConfigError(
                f"{self._at('', name)}: {name} is no table", hint=f"it begins with [{name}]"
            )
        values = {}
        for key, value in given.items():
            if key not in parsers:
                close = nearest(key, parsers)
                raise ConfigError(
                    f"{self._at(name, key, index)}: there is no key {key!r}"
                    f"{f' in {name}' if name else ''}; allowed: {', '.join(parsers)}",
                    hint=f"did you mean {close}?" if close else "leave it out",
                )
            try:
                values[key] = parsers[key](self._path.parent, value)
            except _NotAllowed as allowed:
                raise ConfigError(
                    f"{self._at(name, key, index)}: {key} is {_shown(value)}; allowed: {allowed}",
                    hint="docs/operate/images.md lists all keys with what they take",
                ) from None
        if missing := [key for key in required if key not in values]:
            raise ConfigError(
                f"{self._at('', name) if name else self._path}: {missing[0]} is missing"
                f"{f' in {name}' if name else ''}",
                hint=f"it is needed: {missing[0]} = ...",
            )
        return values

    def extra_file(self, index: int, given: object) -> ExtraFile:
        values = self.table("file", given, _FILE, required=("path",), index=index)
        kinds = [key for key in ("source", "text", "link", "directory") if key in values]
        if len(kinds) != 1 or values.get("directory") is False:
            raise ConfigError(
                f"{self._at('file', 'path', index)}: {values['path']} has"
                f" {' and '.join(kinds) or 'no content'}",
                hint="a file has one of source, text, link, directory = true",
            )
        if "link" in values and "mode" in values:
            raise ConfigError(
                f"{self._at('file', 'mode', index)}: the link {values['path']} has a mode",
                hint="leave the mode out: a link has none",
            )
        return ExtraFile(**values)

    def _at(self, table: str, key: str, index: int = 0) -> str:
        line = line_of(self._text, table, key, index)
        return f"{self._path}, line {line}" if line else str(self._path)


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."


def _text(pattern: str, allowed: str) -> _Parser:
    def parse(_: Path, value: object) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise _NotAllowed(allowed)

    return parse


def _whole_number(low: int, high: int) -> _Parser:
    def parse(_: Path, value: object) -> int:
        if type(value) is int and low <= value <= high:
            return value
        raise _NotAllowed(f"a whole number from {low:,} to {high:,}")

    return parse


def _path(folder: Path, value: object) -> Path:
    if isinstance(value, str) and value and "\0" not in value:
        return folder / value
    raise _NotAllowed("a path, relative to the folder of this file")


def _texts(pattern: str, allowed: str) -> _Parser:
    def parse(_: Path, value: object) -> tuple[str, ...]:
        if isinstance(value, list) and all(
            isinstance(each, str) and re.fullmatch(pattern, each) for each in value
        ):
            return tuple(value)
        raise _NotAllowed(allowed)

    return parse


def _patterns(folder: Path, value: object) -> tuple[str, ...]:
    patterns: tuple[str, ...] = _texts(r"[^\0\n]+", _PATTERNS_ALLOWED)(folder, value)
    try:
        GitIgnoreSpec.from_lines(patterns)
    except (ValueError, re.error):
        raise _NotAllowed(_PATTERNS_ALLOWED) from None
    return patterns


_PATTERNS_ALLOWED = 'a list of patterns as those of .gitignore, like "usr/share/doc/"'


def _in_image(_: Path, value: object) -> str:
    if (
        isinstance(value, str)
        and "\0" not in value
        and len(value.encode()) <= LONGEST_PATH
        and not {"", ".", ".."} & {*value.split("/")}
        and all(len(each.encode()) <= LONGEST_NAME for each in value.split("/"))
    ):
        return value
    raise _NotAllowed(
        'a path from the root of the image, like "etc/passwd",'
        f" of at most {LONGEST_PATH:,} bytes, each name in it of at most {LONGEST_NAME} bytes"
    )


def _mode(_: Path, value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"0[0-7]{3}|01777", value):
        return int(value, 8)
    raise _NotAllowed('octal digits in a text, like "0644"')


def _boolean(_: Path, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _NotAllowed("true or false")


def _anything(_: Path, value: object) -> Any:
    return value


def _tables(_: Path, value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    raise _NotAllowed("tables that begin with [[file]]")


def _custom(_: Path, value: object) -> dict[str, Any]:
    allowed = f"a table that JSON has a form for, of at most {_MOST_METADATA >> 10} KiB in that"
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise _NotAllowed(allowed) from None
    if isinstance(value, dict) and size <= _MOST_METADATA:
        return value
    raise _NotAllowed(allowed)


_NAME = _text(r"[a-zA-Z0-9][a-zA-Z0-9._+-]{0,63}", "1 to 64 letters, digits and . _ + -")
_LINK = _text(r"(?s)[^\0]{1,4095}", "where the link points to")
_PACKAGE_NAMES = _texts(PACKAGE_NAME, "a list of names of Debian's packages")

_TOP: dict[str, _Parser] = {
    "name": _NAME,
    "version": _NAME,
    "architecture": _text("x86_64|aarch64", '"x86_64" or "aarch64"'),
    "memory_mib": _whole_number(64, MAX_MEMORY_MIB),
    "cpus": _whole_number(1, MAX_CPUS),
    "kernel": _anything,
    "runtime": _anything,
    "packages": _anything,
    "file": _tables,
    "metadata": _custom,
}
_KERNEL: dict[str, _Parser] = {
    "file": _path,
    "command_line": _text(r"[^\0\n]{1,2047}", "one line of at most 2,047 characters"),
}
_RUNTIME: dict[str, _Parser] = {
    "file": _path,
    "settings": _path,
    "insecure_vault_key": _path,
}
_PACKAGES: dict[str, _Parser] = {
    "lock": _path,
    "wanted": _PACKAGE_NAMES,
    "without": _PACKAGE_NAMES,
    "exclude": _patterns,
}
_FILE: dict[str, _Parser] = {
    "path": _in_image,
    "source": _path,
    "text": _text(r"(?s).{0,1048576}", "a text of at most a MiB"),
    "link": _LINK,
    "directory": _boolean,
    "mode": _mode,
}
