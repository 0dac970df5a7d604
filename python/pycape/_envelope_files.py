"""Envelopes from file to file, and opened whatever form they have.

Spec: docs/spec/envelope.md, two forms.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from . import _core
from ._arguments import only_path, only_progress
from ._buffer import Buffer, view
from ._byte_streams import Output, Reader, Sink, Source, Writer
from ._envelope_streams import SEALED_WINDOW, WINDOW, open_into_output, seal_into_output
from ._system_errors import reason, remedy
from ._whole_file import whole_file
from ._write_behind import WriteBehind
from .errors import ConfigError, DecryptFailed
from .keys import PrivateKey, PublicKey

AnyPath: TypeAlias = str | os.PathLike[str]
# Bytes that were read, of how many; None where nobody knows.
Progress: TypeAlias = Callable[[int, int | None], object]

_TEXT_BEGINS = b"cape:"
# More than any header has: whole groups of base64url behind `cape:2:`.
_TEXT_START = len("cape:2:") + (128 << 10)
_HINT = (
    "it is for another key, or was altered; what is for an account opens in enclaves only, as the "
    "input of a function: `cape run FUNCTION -f FILE`, or Cape.run"
)


def seal_file(
    source: AnyPath,
    destination: AnyPath,
    recipients: Sequence[PublicKey],
    *,
    context: dict[str, str],
    anonymous: bool,
    progress: Progress | None,
) -> int:
    """Seal a file into another, which may be read by whoever may read the first."""
    with (
        _files(source, destination, lambda mode: mode & 0o666) as files,
        WriteBehind(files.writer, SEALED_WINDOW) as output,
    ):
        return seal_into_output(
            files.reader,
            output,
            recipients,
            context=context,
            anonymous=anonymous,
            progress=of_total(progress, files.size),
        )


def open_file(
    source: AnyPath,
    destination: AnyPath,
    private_key: PrivateKey,
    *,
    progress: Progress | None,
) -> int:
    """Open an envelope in a file into another, which only its owner may read."""
    with (
        _files(source, destination, lambda _: 0o600) as files,
        WriteBehind(files.writer, WINDOW) as output,
    ):
        return open_any_into_output(
            files.reader, output, private_key, progress=of_total(progress, files.size)
        )


def open_any(
    reader: Reader,
    writer: Writer,
    private_key: PrivateKey,
    *,
    progress: Callable[[int], object] | None,
) -> int:
    """Open an envelope as `open_stream` does; in text form, or of version 1, as `open` does."""
    return open_any_into_output(reader, Sink(writer, WINDOW), private_key, progress=progress)


def open_any_into_output(
    reader: Reader,
    output: Output,
    private_key: PrivateKey,
    *,
    progress: Callable[[int], object] | None,
) -> int:
    """Open as `open_any` does, into an output whose places hold `WINDOW`."""
    beginning = Beginning(reader)
    try:
        if beginning.is_text:
            return output.put(memoryview(_core.open(beginning.read_text(), private_key, b"")))
        return open_into_output(beginning, output, private_key, progress=progress)
    except DecryptFailed as error:
        if "chunk" not in error.details:
            error.hint = _HINT
        raise


class Beginning(io.RawIOBase):
    """A reader whose first bytes were looked at, to be read from them on."""

    def __init__(self, reader: Reader) -> None:
        self._source = Source(reader)
        start = memoryview(bytearray(len(_TEXT_BEGINS)))
        self._start = start[: self._source.fill(start)]

    @property
    def is_text(self) -> bool:
        """Whether it begins as the text form does, and version 1; the binary form does not."""
        return self._start.tobytes() == _TEXT_BEGINS

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill a buffer, but at the end; return the bytes read."""
        window = view(buffer)
        taken = min(len(self._start), len(window))
        window[:taken], self._start = self._start[:taken], self._start[taken:]
        return taken + self._source.fill(window[taken:])

    def read_text(self) -> bytes:
        """Return all that there is, without the line ends that commands and editors add.

        Raises:
            UnsupportedFormat: its beginning is no envelope's, so that no more of it is read.
            Truncated: it ends within the header.
        """
        start = self.read(_TEXT_START) or b""
        if len(start) == _TEXT_START:
            _core.inspect_envelope_start(start.rstrip())
        self._start = memoryview(start)
        return self.readall().strip()


def of_total(progress: Progress | None, total: int | None) -> Callable[[int], object] | None:
    """Return what tells `progress` the total beside the bytes that were read.

    Raises:
        TypeError: it cannot be called.
    """
    tell = only_progress(progress)
    return None if tell is None else lambda done: tell(done, total)


@dataclass(frozen=True)
class _Files:
    reader: BinaryIO
    writer: BinaryIO
    size: int | None


@contextmanager
def _files(source: AnyPath, destination: AnyPath, mode: Callable[[int], int]) -> Iterator[_Files]:
    """Open a file to read, and one to write, which is there when all of it is.

    Raises:
        ValueError: they are the same.
        ConfigError: one of them cannot be opened, read or written.
    """
    source, destination = only_path("source", source), only_path("destination", destination)
    try:
        with source.open("rb", buffering=0) as reader:
            status = os.fstat(reader.fileno())
            if destination.exists() and os.path.samestat(status, destination.stat()):
                raise ValueError(f"{source} and {destination} are the same file")
            with whole_file(destination, mode=mode(status.st_mode)) as writer:
                size = status.st_size if stat.S_ISREG(status.st_mode) else None
                yield _Files(reader, writer, size)
    except OSError as error:
        where = error.filename or f"{source} into {destination}"
        raise ConfigError(
            f"{where}: {reason(error)}", hint=_hint(error, source, destination)
        ) from error


def _hint(error: OSError, source: Path, destination: Path) -> str:
    named = Path(os.fsdecode(error.filename or destination))
    if named != source:
        return remedy(destination, error)
    if isinstance(error, FileNotFoundError) and source.absolute().parent.is_dir():
        return f"it was looked for in {source.absolute().parent}"
    return remedy(source, error)
