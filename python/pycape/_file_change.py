"""A file that is read, and replaced by what was made of it: by one process after the other."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from .errors import ConfigError

if TYPE_CHECKING:
    from types import TracebackType

_log = logging.getLogger("pycape")

# Whoever has a large file copies it for as long as it takes.
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.02


class FileChange:
    """The right to replace a file, which one has at a time, from before it is read on.

    It is a lock on the file itself, and ends with the process at the latest. Others who ask for it
    wait, and then get what is at the path by then. Who writes without asking, and everybody where a
    file system has no locks, is noticed by `check`.

    Args:
        path: A file; a link is followed.
        patience: Seconds to wait for others.

    Raises:
        OSError: it cannot be read.
        ConfigError: others took longer.
    """

    def __init__(self, path: Path, *, patience: float = _PATIENCE_SECONDS) -> None:
        self._path = path
        self._file = _locked(path, patience)
        self._before = _version(os.fstat(self._file.fileno()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def check(self) -> None:
        """Look, just before the file is replaced, whether it is still the one that was read.

        Raises:
            ConfigError: somebody wrote to it, or put another in its place, or took it away.
        """
        try:
            now = _version(self._path.stat())
        except OSError:
            now = None
        if now != self._before:
            raise ConfigError(
                f"{self._path} was changed by somebody else meanwhile, and is left as it is now",
                hint="look at it, and do the same again",
            )


def _locked(path: Path, patience: float) -> BinaryIO:
    end = time.monotonic() + patience
    while (file := _locked_at_once(path)) is None:
        if time.monotonic() > end:
            raise ConfigError(
                f"{path} is being changed by somebody else, for more than {patience:g} s",
                hint="do the same again when that has come to its end",
            )
        time.sleep(_PAUSE_SECONDS)
    return file


def _locked_at_once(path: Path) -> BinaryIO | None:
    """Open a file with its lock; None where another has that, or has replaced the file since."""
    with ExitStack() as opened:
        file = opened.enter_context(path.open("rb", buffering=0))
        if not (_lock(file) and _is_at(file, path)):
            return None
        opened.pop_all()
        return file


def _lock(file: BinaryIO) -> bool:
    """Take a file's lock, unless another has it; without one where the file system has none."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _log.debug("%s is changed without a lock: %s", file.name, error)
    return True


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
