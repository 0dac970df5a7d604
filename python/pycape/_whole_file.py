"""A file that is in its place when it is whole, and not before."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# What is between the folder and `.part` fits a file system's 255 bytes, four a character.
_LONGEST_NAME = 48

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def whole_file(path: Path, *, mode: int) -> Iterator[BinaryIO]:
    """Lend a file to write, which is at `path` afterwards; nowhere, if anything is raised.

    Until then it is in the same folder, under a name that begins with a dot and ends with `.part`:
    that is what a process leaves when it is killed. A file that is there is replaced, and its
    permissions kept; a link is followed, and stays.

    Args:
        path: Where there is a file, or nothing. The folder has to be there.
        mode: The permissions of a new file, from which the process's umask is taken.

    Raises:
        OSError: it cannot be written. Its `filename` is `path` where there is no room to begin.
    """
    path = Path(os.path.realpath(path))
    replaced = _mode_of_file(path)
    temporary = path.with_name(f".{path.name[:_LONGEST_NAME]}.{secrets.token_hex(8)}.part")
    try:
        with os.fdopen(_create(temporary, path, mode), "wb", buffering=0) as file:
            if replaced is not None:
                os.fchmod(file.fileno(), replaced)
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def output_file(path: Path, *, mode: int) -> Iterator[BinaryIO]:
    """Lend what its user names to write to: a pipe or a device itself, else as `whole_file` does.

    Raises:
        OSError: it cannot be written.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb", buffering=0) as device:
            yield device
    else:
        with whole_file(path, mode=mode) as file:
            yield file


def _mode_of_file(path: Path) -> int | None:
    """Return the permissions of the file at `path`; None where nothing is."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is a pipe or a device, which cannot be replaced", str(path))
    return mode & 0o777


def _create(temporary: Path, path: Path, mode: int) -> int:
    try:
        return os.open(temporary, _NEW, mode)
    except OSError as error:
        error.filename = str(path)
        raise
