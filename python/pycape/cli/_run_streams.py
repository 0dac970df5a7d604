"""Input, output and log of a function as they pass through `cape run`."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Protocol

import click

from pycape._strangers import harmless
from pycape.cli._streams import STDOUT, writing

if TYPE_CHECKING:
    from pycape.cli._streams import Input

_TEXT_BEGINS = b"cape:"
_PIECE = 256 << 10

# What goes to an enclave in the call's first message: this much is read before it is known whether
# an input is larger. Spec: docs/spec/session.md, OPEN.
INLINE = 64 << 10


def whole_or_pieces(source: Input) -> bytes | Iterator[bytes]:
    """Return an input that is small enough for one message, or the pieces of one that is not."""
    begin = b""
    while len(begin) <= INLINE:
        piece = source.reader.read(_PIECE)
        if not piece:
            return begin
        begin += piece
    return pieces(source, begin)


def pieces(source: Input, begin: bytes = b"") -> Iterator[bytes]:
    """Yield an input as it can be read; of an envelope's text without the space behind it."""
    while len(begin) < len(_TEXT_BEGINS) and _TEXT_BEGINS.startswith(begin):
        piece = source.reader.read(_PIECE)
        if not piece:
            break
        begin += piece
    rest = iter(lambda: source.reader.read(_PIECE), b"")
    is_text = begin.startswith(_TEXT_BEGINS)
    held = b""
    for piece in _chained(begin, rest):
        if is_text and len(held) < _PIECE:
            held += piece
            kept = held.rstrip()
            held = held[len(kept) :]
            yield kept
        else:
            yield held + piece
            held = b""


def _chained(begin: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield begin
    yield from rest


class Output(Protocol):
    """Where the pieces of an output go."""

    def write(self, piece: bytes, /) -> object:
        """Write a piece."""


@contextmanager
def output_of(name: str | None) -> Iterator[Output]:
    """Lend stdout, as text where it is a terminal, or a file that is there when it is whole."""
    if name is None and sys.stdout.isatty():
        with _Terminal() as terminal:
            yield terminal
    else:
        with writing(name or STDOUT, mode=0o666) as file:
            yield _Written(file)


class _Written:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, piece: bytes) -> None:
        from pycape._byte_streams import write  # noqa: PLC0415 - `cape --help` does without

        write(self._file, memoryview(piece))
        self._file.flush()


@contextmanager
def printed_logs() -> Iterator[LogPrinter]:
    """Print what a function prints; what comes behind it begins a line."""
    printer = LogPrinter()
    try:
        yield printer
    finally:
        printer.end_line()


class LogPrinter:
    """Prints what a function prints, to stderr, so that it controls no terminal."""

    def __init__(self) -> None:
        self._is_at_start = True

    def __call__(self, text: str) -> None:
        click.echo(harmless(text), err=True, nl=False)
        self._is_at_start = text.endswith("\n")

    def end_line(self) -> None:
        """Begin a new line, unless there is one."""
        if not self._is_at_start:
            click.echo(err=True)
            self._is_at_start = True


class _Terminal:
    """Stdout as a terminal, which no output controls."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._is_at_start = True

    def __enter__(self) -> _Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._write(self._decoder.decode(b"", final=True))
        if not self._is_at_start:
            click.echo()

    def write(self, piece: bytes) -> None:
        self._write(self._decoder.decode(piece))

    def _write(self, text: str) -> None:
        if text:
            click.echo(harmless(text), nl=False)
            self._is_at_start = text.endswith("\n")
