"""What a build of the kernel came to, and from what, so that others can compare theirs."""

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from .error import BuildError, say

NAME = "record.toml"
_HEADING = "# What the kernel comes to; `build --record` writes this file anew.\n"


@dataclass(frozen=True)
class Record:
    """SHA-256 of source package, fragment and kernel, and what the tools say which they are."""

    source: str
    fragment: str
    compiler: str
    linker: str
    kernel: str


def read(path: Path) -> Record:
    """Return a record.

    Raises:
        BuildError: it is not there, is no TOML, or has other fields.
    """
    try:
        return Record(**tomllib.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BuildError(
            f"{path.name} cannot be read: {error}", "build --record writes it"
        ) from error


def write(path: Path, record: Record) -> None:
    """Write what `read` returns."""
    fields = "".join(f'{field} = "{value}"\n' for field, value in asdict(record).items())
    path.write_text(f"{_HEADING}\n{fields}", "utf-8")


def compare(recorded: Record, built: Record) -> None:
    """Say from what else a kernel was built than the one on record.

    Raises:
        BuildError: from the same, and yet it is another.
    """
    if recorded.kernel == built.kernel:
        return
    other = [field for field, value in asdict(recorded).items() if value != asdict(built)[field]]
    inputs = [field for field in other if field != "kernel"]
    if not inputs:
        raise BuildError(
            f"from what is on record came another kernel: SHA-256 {built.kernel},"
            f" on record is {recorded.kernel}",
            "if the way of building has changed: build --record",
        )
    say(f"this is not the kernel on record, since other are: {', '.join(inputs)}")
