"""The lines of a requirements file and of those that it includes, read as uv reads them.

What follows from a line is known here before uv acts on it: where wheels come from, and whether
code of a package would run. So what cannot be told for certain is refused.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pycape.errors import PackagingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# Where readers differ on what ends a line, one of them overlooks a line.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]|\r(?!\n)")

_INCLUDES = re.compile(r"\s*(?:-r|-c|--requirement|--constraint)(?=[\s=])")
_PLAIN_PATH = re.compile(r"(?:=|\s+)([^\s=#:$'\"\\][^#:$'\"\\]*)(?:#.*)?")
_INDEX = re.compile(r"\s*(-i|--index-url|--extra-index-url|-f|--find-links|--no-index)(?=[\s=]|$)")
COMMENT = re.compile(r"(?:^|\s)#.*")
# A wheel or an sdist without "name @" before it, by its path or address; its name.
_FILE = re.compile(r"(?:\S*/)?([A-Za-z0-9][\w.-]*?)-\d\S*\.(?:whl|tar\.gz|zip)(?=[\s#]|$)")
_IN_FULL = {"-i": "--index-url", "-f": "--find-links"}
_CREDENTIALS = re.compile(r"://[^\s`'\"]*@")


@dataclass(frozen=True)
class Line:
    """A line of a requirements file, which is named from the function's folder.

    It begins `offset` bytes after the file's beginning.
    """

    file: str
    number: int
    text: str
    offset: int

    @property
    def place(self) -> str:
        """Where it is, for a message."""
        return f"{self.file}, line {self.number}"

    def refused(self, why: str, hint: str, details: dict[str, str] | None = None) -> PackagingError:
        """Return the error that says what is wrong with it. It repeats no password."""
        shown = without_credentials(self.text.strip())
        return PackagingError(f"{self.place}: {shown!r:.200} {why}", hint=hint, details=details)


@dataclass(frozen=True)
class Text:
    """A requirements file that was read."""

    path: Path
    content: str
    lines: tuple[Line, ...]


def texts(folder: Path, name: str) -> Iterator[Text]:
    """Yield a requirements file and, in reading order, those that it includes, each once.

    Raises PackagingError for one that is not there or that cannot be read.
    """
    yield from _with_included(_read((folder / name).resolve(), folder), folder, set())


def lines_of(name: str, content: str) -> tuple[Line, ...]:
    """Return the lines of a file.

    Raises PackagingError for a character in it that some readers take for the end of a line.
    """
    if control := _CONTROL.search(content):
        number = content.count("\n", 0, control.start()) + 1
        character = "zero byte" if control[0] == "\0" else "control character"
        raise PackagingError(
            f"{name}, line {number}: there is a {character}", hint="save it as plain text in UTF-8"
        )
    return tuple(_lines(name, content))


def index_options(line: Line) -> list[str]:
    """Return the option of uv's in a line that says where wheels come from, if it is one."""
    said = _INDEX.match(line.text)
    if not said:
        return []
    option = _IN_FULL.get(said[1], said[1])
    try:
        words = shlex.split(line.text[said.end() :].removeprefix("="), comments=True)
    except ValueError as error:
        raise line.refused(
            f"cannot be read: {str(error).lower()}", "quotation marks stand at both ends of a value"
        ) from None
    if len(words) != (option != "--no-index"):
        raise line.refused(
            "is not one option and its value",
            "a line has one option: --index-url https://HOST/simple",
        )
    return [f"{option}={words[0]}"] if words else [option]


def hashed(lines: Iterable[Line]) -> list[str]:
    """Return the requirements that name hashes of their own, each in one line and by a name.

    Raises PackagingError where none is a SHA-256: the lock's are, and uv passes over MD5.
    """
    found = []
    text = ""
    for line in lines:
        text += COMMENT.sub("", line.text).strip()
        if text.endswith("\\"):
            text = f"{text[:-1]} "
            continue
        if "--hash" in text:
            if "sha256:" not in text:
                raise line.refused(
                    "has a hash, and no SHA-256, by which files are compared",
                    "name it: --hash=sha256:...; or leave the hashes to cape.lock",
                )
            unnamed = _FILE.match(text)
            found.append(f"{unnamed[1]} @ {text}" if unnamed else text)
        text = ""
    return found


def without_credentials(text: str) -> str:
    """Return a text without the users and passwords of addresses in it."""
    return _CREDENTIALS.sub("://", text)


def _with_included(text: Text, folder: Path, seen: set[Path]) -> Iterator[Text]:
    seen.add(text.path)
    yield text
    for line in text.lines:
        path = _included(line, text.path.parent)
        if path is not None and path not in seen:
            yield from _with_included(_read(path, folder), folder, seen)


def _included(line: Line, beside: Path) -> Path | None:
    """Return the file that a line includes, None if it includes none."""
    said = _INCLUDES.match(line.text)
    if not said:
        return None
    plain = _PLAIN_PATH.fullmatch(line.text, said.end())
    if not plain:
        raise line.refused(
            "includes what is not a plain path",
            "-r and -c take the path of a file from this one, without quotation marks or variables",
        )
    path = (beside / plain[1].rstrip()).resolve()
    if not path.is_file():
        raise line.refused("includes a file that is not there", f"its path counts from {line.file}")
    return path


def _read(path: Path, folder: Path) -> Text:
    """Read a requirements file with its line ends, which the lock's digest covers."""
    name = os.path.relpath(path, folder)
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PackagingError(f"{name} is not UTF-8", hint="save it as UTF-8") from None
    return Text(path, content, lines_of(name, content))


def _lines(name: str, content: str) -> Iterator[Line]:
    offset = 0
    for number, text in enumerate(content.split("\n"), 1):
        yield Line(name, number, text.removesuffix("\r"), offset)
        offset += len(text.encode()) + 1
