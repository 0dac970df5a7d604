"""stdin, stdout and stderr, as commands take them for granted: open, and written to as a whole."""

from __future__ import annotations

import io
import os
import sys


def prepare_standard_streams() -> None:
    """Put right how the process was started: with a stream closed (`<&-`), or with `python -u`."""
    _open_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _buffered(sys.stdout)


def _open_what_is_closed() -> None:
    """Put something where a stream is closed, so that no file gets its number, and Python has it.

    Reading that stdin and writing that stdout fails as it does of what is closed. What goes to that
    stderr is lost, and no reason to fail.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_WRONLY), "r", encoding="utf-8")
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _buffered(stdout: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a stdout that writes all of what it is given, or fails.

    Unbuffered (`python -u`, PYTHONUNBUFFERED), it writes a part where the disk is full or a pipe's
    reader leaves, and says nothing.
    """
    if not isinstance(stdout.buffer, io.RawIOBase):
        return stdout
    encoding, errors = stdout.encoding, stdout.errors
    buffer = io.BufferedWriter(stdout.detach())  # type: ignore[type-var]
    return io.TextIOWrapper(buffer, encoding=encoding, errors=errors, line_buffering=True)
