"""A file that is in its place when it is whole, and not before."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# What is between the folder and `.part` fits a file system's 255 bytes, four a character.
_LONGEST_NAME = 48

# Where the system has what a process has opened.
_OPEN_FILES = Path("/proc/self/fd")

# What file systems say that have no files without names, and kernels of before them.
_NO_UNNAMED = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.EISDIR, errno.EINVAL, errno.ENOSYS}

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def whole_file(path: Path, *, mode: int) -> Iterator[BinaryIO]:
    """Lend a file to write, which is at `path` afterwards; nowhere, if anything is raised.

    Until then it has no name, so that a process that is killed leaves nothing. Where a file system
    has no such files, it is in the same folder, under a name that begins with a dot and ends with
    `.part`. A file that is there is replaced, and its permissions kept; a link is followed, and
    stays.

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
            if os.fstat(file.fileno()).st_nlink == 0:
                _give_name(file.fileno(), temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):  # what was raised says why there is none
            temporary.unlink()
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
        unnamed = _create_unnamed(path.parent, mode)
        return os.open(temporary, _NEW, mode) if unnamed is None else unnamed
    except OSError as error:
        error.filename = str(path)
        raise


def _create_unnamed(folder: Path, mode: int) -> int | None:
    """Return a new file without a name, which can get one; None where there is no such file."""
    if not hasattr(os, "O_TMPFILE") or not _OPEN_FILES.is_dir():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno in _NO_UNNAMED:
            return None
        raise


def _give_name(descriptor: int, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Relative to a folder, since only then is the link to the file followed (linkat(2)).
        os.link(_OPEN_FILES / str(descriptor), path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)
