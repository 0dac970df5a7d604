"""What a function prints, told to its caller as text."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

from ._effects import Operation, Tell


@runtime_checkable
class TextWriter(Protocol):
    """A file for text: `sys.stderr`, `io.StringIO()`."""

    def write(self, text: str, /) -> Any:
        """Write text."""


# Called with each piece of text, or written to.
Logs: TypeAlias = Callable[[str], Any] | TextWriter


class LogReader:
    """The log of one call, whose pieces are cut anywhere.

    Raises:
        TypeError: `logs` can neither be called nor written to.
    """

    def __init__(self, logs: Logs) -> None:
        write = getattr(logs, "write", None)
        if not callable(write) and not callable(logs):
            raise TypeError(f"logs is a function or a text file, not {type(logs).__name__}")
        self._receiver: Callable[[str], Any] = write if callable(write) else logs  # type: ignore[assignment]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def take(self, data: bytes, *, last: bool = False) -> Operation[None]:
        """Tell what is whole of the text so far."""
        if text := self._decoder.decode(data, last):
            yield Tell(self._receiver, text)


def reader_of(logs: Logs | None) -> LogReader | None:
    """Return what reads the log of one call; None if nobody wants it."""
    return None if logs is None else LogReader(logs)
