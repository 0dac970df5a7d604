"""The standard streams of processes that this one started."""

import json
from typing import IO


def piped(stream: IO[str] | None) -> IO[str]:
    """Return the stream of a process that was started with a pipe there."""
    assert stream is not None  # noqa: S101 who asks made it a pipe
    return stream


def parsed(line: str) -> object:
    """Return what a line says: the value of its JSON, or its text where it is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line.rstrip("\n")
