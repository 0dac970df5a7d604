"""Input and output of commands that read and write as they go, however large a file is."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from pycape._system_errors import reason
from pycape.cli._errors import NoInput, UsageError
from pycape.cli._files import STDIN, WHERE_STDIN_IS, no_input, no_output

if TYPE_CHECKING:
    from pycape._buffer import Buffer
    from pycape._byte_streams import Output

STDOUT = "-"
SUFFIX = ".cape"

# What is longer is not for a terminal, even if it is text.
_MOST_ON_A_TERMINAL = 1 << 20


@dataclass(frozen=True)
class Input:
    """Where a command reads from. `size` and `status` are None for what has none."""

    name: str
    reader: io.RawIOBase | io.BytesIO
    size: int | None
    status: os.stat_result | None

    @property
    def mode(self) -> int:
        """The permissions of what is made of it, which nobody may execute."""
        return 0o666 if self.size is None or self.status is None else self.status.st_mode & 0o666


@contextmanager
def reading(name: str) -> Iterator[Input]:
    """Open a file, or stdin for `-`."""
    if name == STDIN:
        if sys.stdin.isatty():
            click.echo("reading from the terminal: Ctrl-D ends it", err=True)
        yield Input(name, _Named(sys.stdin.buffer, name), None, None)
        return
    try:
        file = Path(name).open("rb", buffering=0)  # noqa: SIM115 - closed below
    except OSError as error:
        raise no_input(name, error) from error
    with file:
        status = os.fstat(file.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        yield Input(name, _Named(file, name), size, status)


@contextmanager
def writing(output: str, *, mode: int) -> Iterator[BinaryIO]:
    """Lend stdout for `-`, a pipe or device, or a file that is there when it is whole."""
    from pycape._whole_file import output_file  # noqa: PLC0415 - `cape --help` does without

    if output == STDOUT:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    try:
        with output_file(Path(output), mode=mode) as file:
            yield file
    except OSError as error:
        raise no_output(output, error) from error


@contextmanager
def writing_windows(output: str, *, mode: int, size: int) -> Iterator[Output]:
    """Lend the same as an output of windows of `size` bytes.

    A file, which nobody else uses before it is whole, is written while its next window is made.
    """
    from pycape._byte_streams import Sink  # noqa: PLC0415 - `cape --help` does without
    from pycape._write_behind import WriteBehind  # noqa: PLC0415

    with writing(output, mode=mode) as writer:
        if output == STDOUT or not stat.S_ISREG(os.fstat(writer.fileno()).st_mode):
            yield Sink(writer, size)
        else:
            with WriteBehind(writer, size) as behind:
                yield behind


class ForTerminal(io.BytesIO):
    """What is to be shown on a terminal: held until it is known to be whole, and text."""

    def write(self, data: Buffer, /) -> int:
        """Keep it, unless it is too long."""
        if self.tell() + len(data) > _MOST_ON_A_TERMINAL:
            raise UsageError(
                "the result is over a MiB, and stdout is a terminal",
                hint="-o FILE writes it to a file, -o - to the terminal all the same",
            )
        return super().write(data)


def in_folder(
    output: str | None, name: str | None, leaf: Callable[[str], str | None]
) -> str | None:
    """Return what `-o` names: of a folder the file in it that is called as the input is.

    `leaf` makes its name of the input's, or None where that gives none.
    """
    if output in {None, STDOUT} or not Path(str(output)).is_dir():
        return output
    called = None if name in {None, STDIN} else leaf(Path(str(name)).name)
    if called is None:
        raise UsageError(
            f"{output} is a folder, and nothing says what the file in it is to be called",
            hint=f"name the file: -o {Path(str(output)) / 'FILE'}",
        )
    return str(Path(str(output)) / called)


class _Named(io.RawIOBase):
    """An input that is named when it cannot be read."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        try:
            return self._file.readinto(buffer)  # type: ignore[attr-defined,no-any-return]
        except OSError as error:
            if self._name == STDIN:
                raise NoInput(f"stdin: {reason(error)}", hint=WHERE_STDIN_IS) from error
            raise no_input(self._name, error) from error
