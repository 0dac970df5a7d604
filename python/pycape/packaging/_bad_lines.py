"""What uv says of a line of the requirements, with the line and in our words."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pycape.packaging._causes import last_cause, lowered
from pycape.packaging._requirement_lines import index_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pycape.errors import PackagingError
    from pycape.packaging._requirement_lines import Line
    from pycape.packaging._requirements import Requirements

# Where it is. Of files that include each other the innermost is told last.
_AT = re.compile(
    r" in `(?P<named>[^`]+)` at (?:position (?P<offset>\d+)|line (?P<number>\d+))"
    r"|: (?P<file>[^:\n]+):(?P<row>\d+):\d+$",
    re.MULTILINE,
)
_NO_FILE = re.compile(r"Distribution not found at: (file://\S+)")
_OPTION = re.compile(r"invalid value '.*?' for '(--[a-z-]+) ")
_NO_WHEEL_NAME = re.compile(r"The wheel filename `([^`]+)` is invalid: (.+)")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")

_OPTIONS = (
    "a requirements file has -r, -c, -e, --index-url, --extra-index-url, --no-index, --find-links,"
    " --no-binary and --only-binary; a version may have --hash"
)
_FORM = "a line names one package, and perhaps its versions: numpy>=1.26,<3"
_CONDITION = "a condition has this form: numpy ; python_version >= '3.11'"
_ADDRESS = "an address is like https://HOST/simple"
_FROM_THE_FOLDER = "a path counts from the function's folder"

# What uv says of it, what is said, and the hint; in this order.
_WRONG = (
    (r"must be followed by an argument", "is an option without its value", _OPTIONS),
    (r"Unexpected '-'|Expected '=' or whitespace", "is no option that is known", _OPTIONS),
    (r"Expected `--hash`", "has something else than --hash after a version", _OPTIONS),
    (r"Unexpected '.'", "does not begin with the name of a package", _FORM),
    (
        r"relative URL without a base",
        "names neither an address nor a folder that is there",
        f"an address begins with https://; {_FROM_THE_FOLDER}",
    ),
    (r"Invalid URL", "has no sound address", _ADDRESS),
    (
        r"to end in a supported file extension",
        "names a file that is no package",
        "a package's file ends with .whl; `-r FILE` includes other requirements",
    ),
    (
        r'no such comparison operator "(.+?)"',
        "compares versions by {}",
        "they are compared by ==, !=, >=, <=, >, <, ~= or ===",
    ),
    (
        r"Trailing `(.+?)` is not allowed",
        "has {} after a version",
        "several conditions on a version have commas between them: numpy>=1.26,<3",
    ),
    (
        r"closing bracket|extra name",
        "has extras that cannot be read",
        "extras stand in brackets: uvicorn[standard]>=0.40",
    ),
    (r"marker operator|marker name", "has a condition that cannot be read", _CONDITION),
    (r"Expected one of `@`|Expected package name", "is no name with versions", _FORM),
)


def bad_line(
    error: str, requirements: Requirements, details: dict[str, str]
) -> PackagingError | None:
    """Return the error for a line that uv cannot read or follow, None if it speaks of none."""
    if no_file := _NO_FILE.search(error):
        path = Path(unquote(urlsplit(no_file[1]).path))
        for line in requirements.lines:
            if path in _paths(line, requirements.folder):
                return line.refused("names what is not there", _FROM_THE_FOLDER, details)
    if no_name := _NO_WHEEL_NAME.search(error):
        for line in requirements.lines:
            if no_name[1] in line.text:
                return line.refused(
                    f"is no name of a wheel: {lowered(no_name[2])}",
                    "a wheel keeps the name that it was built with: mine-1.0-py3-none-any.whl",
                    details,
                )
    if option := _OPTION.search(error):
        for line in requirements.lines:
            if any(each.startswith(f"{option[1]}=") for each in index_options(line)):
                return line.refused("has no sound address", _ADDRESS, details)
    if found := _line_at(error, requirements):
        return found.refused(*_wrong(error), details)
    return None


def wrong_form(error: str) -> tuple[str, str] | None:
    """Return what is wrong with the form of a requirement and the hint, None if nothing is."""
    return _wrong(error) if _AT.search(error) else None


def _wrong(error: str) -> tuple[str, str]:
    """Return what is wrong with the line that uv speaks of, and the hint."""
    for pattern, why, hint in _WRONG:
        if match := re.search(pattern, error):
            return why.format(*match.groups()), hint
    return f"cannot be read: {lowered(last_cause(error))}", _FORM


def line_naming(package: str, requirements: Requirements) -> Line | None:
    """Return the line that requires a package, None if it is only required by others."""
    wanted = _normalized(package)
    for line in requirements.lines:
        name = _NAME.match(line.text)
        if name and _normalized(name[1]) == wanted:
            return line
    return None


def _line_at(error: str, requirements: Requirements) -> Line | None:
    places = list(_AT.finditer(error))
    if not places:
        return None
    place = places[-1]
    folder = requirements.folder
    path = (folder / (place["named"] or place["file"])).resolve()
    name = os.path.relpath(path, folder)
    before = [
        line
        for line in requirements.lines
        if line.file == name
        and line.text.strip()
        and (
            line.offset <= int(place["offset"])
            if place["offset"]
            else line.number <= int(place["number"] or place["row"])
        )
    ]
    return before[-1] if before else None


def _paths(line: Line, folder: Path) -> Iterator[Path]:
    """Yield what a line may name on disk."""
    for word in re.split(r"[\s;@=]+", line.text):
        yield Path(os.path.normpath(folder / word.removeprefix("file:")))


def _normalized(name: str) -> str:
    """As names of packages are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
