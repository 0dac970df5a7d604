"""What is lost when a command writes its files: asked for, or refused, before anything is done."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import combinations
from pathlib import Path

from pycape._key_size import MOST_OF_KEY
from pycape._system_errors import file_above
from pycape.cli._confirm import confirm
from pycape.cli._context import Context
from pycape.cli._errors import NoOutput, UsageError
from pycape.cli._files import STDIN, display_name, existing


def check_outputs(
    context: Context, outputs: Mapping[str, str | None], *, inputs: Iterable[str | None]
) -> None:
    """Ask before files are replaced; refuse where asking is no use.

    No file may be two of the outputs, or an output and an input, or in a folder that is one; links
    do not hide that. A private key is never replaced. Pipes and devices are written to, and lose
    nothing.

    Args:
        context: Whether `--yes` was given.
        outputs: What is written, in words, and the name of its file; None for none.
        inputs: The files and folders that the command reads; `-` is stdin.
    """
    named = {what: name for what, name in outputs.items() if name is not None}
    if not named:
        return
    for name in named.values():
        _check_place(name)
    read = dict(_statuses(inputs))
    for (first, one), (second, other) in combinations(named.items(), 2):
        if _are_one_file(one, other):
            raise UsageError(
                f"{first} and {second} are to go into the same file: {other}",
                hint="each needs a file of its own",
            )
    for what, name in named.items():
        if Path(name).is_file():
            _check_not_read(what, name, read)
    for name in named.values():
        if Path(name).is_file():
            confirm(context, f"{name} exists: replace it?")


def _check_place(name: str) -> None:
    path = Path(name)
    if path.is_dir():
        raise UsageError(f"{name} is a folder", hint=f"name a file in it: {path / 'FILE'}")
    if (file := file_above(path.parent)) is not None:
        raise NoOutput(f"{name}: not a directory", hint=f"{file} is a file, and no folder")
    if not path.parent.is_dir():
        raise NoOutput(f"{name}: no such file or directory", hint=f"mkdir -p {path.parent}")
    if path.is_file() and _holds_private_key(path):
        raise UsageError(
            f"{name} is a private key, which is never overwritten", hint="name another file"
        )


def _check_not_read(what: str, name: str, read: Mapping[str, os.stat_result]) -> None:
    for source, status in read.items():
        if os.path.samestat(status, Path(name).stat()):
            raise UsageError(
                f"{display_name(source)} and {name} are the same file",
                hint=f"name another for {what}: this one is read",
            )
        if stat.S_ISDIR(status.st_mode) and _is_in(name, source):
            raise UsageError(
                f"{name} is in {source}, which is read",
                hint=f"name a file for {what} that is not in there",
            )


def _is_in(name: str, folder: str) -> bool:
    return Path(os.path.realpath(name)).is_relative_to(os.path.realpath(folder))


def _holds_private_key(path: Path) -> bool:
    from pycape._key_reader import is_private_key  # noqa: PLC0415 - `cape --help` does without

    try:
        with path.open("rb") as file:
            return is_private_key(file.read(MOST_OF_KEY))
    except OSError:
        return False  # it cannot be read: who replaces it is asked


def _are_one_file(one: str, other: str) -> bool:
    """Tell whether two names are of one file, of which there may be none yet."""
    first, second = Path(one), Path(other)
    if first.exists() and second.exists():
        return first.is_file() and os.path.samestat(first.stat(), second.stat())
    return os.path.realpath(first) == os.path.realpath(second)


def _statuses(inputs: Iterable[str | None]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield what the system says of each file and folder; all of them have to be there."""
    for name in inputs:
        status = None
        if name == STDIN:
            with suppress(OSError, ValueError):
                status = os.fstat(sys.stdin.fileno())
        elif name is not None:
            status = existing(name).stat()
        if name is not None and status is not None and _is_file_or_folder(status):
            yield name, status


def _is_file_or_folder(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
