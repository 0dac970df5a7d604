"""Input and output of commands: an argument, a file, stdin; and what can go wrong with them."""

from __future__ import annotations

import base64
import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import click

from pycape._nearest import nearest
from pycape._strangers import is_secret_key
from pycape._system_errors import reason, remedy
from pycape.cli._errors import BadInput, NoInput, NoMemory, NoOutput, UsageError

STDIN = "-"
WHERE_STDIN_IS = "look at where it comes from, or name a file in its place"

# Names of a folder that are compared with one that is not in it.
_MOST_NAMES = 10_000
_LIKENESS = 0.8
_LONGEST_NAME = 255

_TEXT_BEGINS = "cape:"


def read_input(text: str | None, file: str | None) -> bytes:
    """Return what the line gives as input: its text, or the file that `-f` names."""
    if text is not None and file is not None:
        raise UsageError("the input is given twice", hint="give a text or -f FILE, one of them")
    if file is not None:
        return read_bytes(file)
    if text is None:
        raise UsageError(
            "there is no input", hint='give it as text ("hello"), or with -f FILE; -f - is stdin'
        )
    return os.fsencode(text)


def as_sent(data: bytes) -> bytes:
    """Return an input as it goes to an enclave: of an envelope its text, and nothing behind it."""
    from pycape._envelope_text import envelope_as_text  # noqa: PLC0415 - `cape --help` does without

    is_text = data.startswith(_TEXT_BEGINS.encode())
    return bytes(envelope_as_text(memoryview(data.strip() if is_text else data)))


def read_bytes(name: str, size: int = -1) -> bytes:
    """Return a file's first `size` bytes, or all that there are; `-` is stdin."""
    if name == STDIN:
        return read_stdin(size)
    try:
        with Path(name).open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise no_input(name, error) from error


def read_stdin(size: int = -1) -> bytes:
    """Return the next `size` bytes of stdin, or all that there are."""
    if sys.stdin.isatty():
        click.echo("reading from the terminal: Ctrl-D ends it", err=True)
    try:
        return sys.stdin.buffer.read(size)
    except OSError as error:
        raise NoInput(f"{display_name(STDIN)}: {reason(error)}", hint=WHERE_STDIN_IS) from error


def utf_8(data: bytes, name: str) -> str:
    """Return bytes of the file of that name as text."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{display_name(name)}: this is not text in UTF-8",
            hint="`cape inspect FILE` says what a file is; - is stdin",
        ) from error


@contextmanager
def held_in_memory(name: str, *, hint: str) -> Iterator[None]:
    """Tell of an input for all of which there is no memory; `hint` is what to do about it."""
    from pycape.errors import CryptoError  # noqa: PLC0415 - `cape --help` does without

    try:
        yield
    except MemoryError as error:
        raise NoMemory(
            f"{display_name(name)}: there is no memory for all of it", hint=hint
        ) from error
    except CryptoError as error:
        if "bytes" in error.details:  # which were asked for; other errors are of that class too
            error.hint = hint
        raise


def existing(name: str) -> Path:
    """Return the path of a file or folder that has to be there."""
    path = Path(name)
    try:
        path.stat()
    except OSError as error:
        raise no_input(name, error) from error
    return path


def file_of_function(function: str) -> str | None:
    """Return the JSON file that a function is named by; None for an id or user/name."""
    return function if os.path.isfile(function) else None  # noqa: PTH113 - a text may be too long


def existing_file(name: str) -> Path:
    """Return the path of a file that has to be there, and no folder."""
    path = existing(name)
    if path.is_dir():
        raise no_input(name, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    return path


def no_input(name: str, error: OSError) -> NoInput | UsageError:
    """Return what to say of a file that cannot be read, or of what was given for its name."""
    if is_secret_key(name):  # and is not repeated
        return UsageError(
            "a private key on the command line can be read by everybody on this machine",
            hint="put it in a file that only you can read, and name that; - is stdin",
        )
    if name.startswith(_TEXT_BEGINS):
        return UsageError(
            "a ciphertext is given, and no file's name",
            hint="write it to stdin, and - in its place",
        )
    return NoInput(f"{name:.200}: {reason(error)}", hint=_what_to_do(name, error))


def _what_to_do(name: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return _where_it_was_looked_for(Path(name).absolute())
    return remedy(Path(name), error)


def _where_it_was_looked_for(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    meant = similar_name(path)
    return f"did you mean {meant}?" if meant else f"it was looked for in {path.parent}"


def similar_name(path: Path) -> str | None:
    """Return the name in a path's folder that is most like the path's; None if none is."""
    if len(path.name) > _LONGEST_NAME:
        return None
    try:
        there = [entry.name for entry in islice(path.parent.iterdir(), _MOST_NAMES)]
    except (OSError, ValueError):  # there is no such folder, or there can be none
        return None
    return nearest(path.name, there, likeness=_LIKENESS)


def one_file(file: str | None, output: str | None) -> str | None:
    """Return the file that an argument names, or `-o` as other commands have it."""
    if file == "":
        raise UsageError("FILE is empty", hint="a variable that is not set is")
    if file is not None and output is not None and file != output:
        raise UsageError("the file is given twice", hint="give FILE or -o FILE, one of them")
    return file or output


def octets_as_json(data: bytes) -> dict[str, str | int | None]:
    """Return bytes for JSON: as text where they are UTF-8, and in base64 in any case."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = None
    return {"text": text, "base64": base64.b64encode(data).decode(), "size": len(data)}


def write_file(name: str, octets: bytes, *, secret: bool = False) -> None:
    """Write a file, whole or not at all; one that is there is replaced.

    Only its owner can read a `secret` one.
    """
    from pycape._byte_streams import write  # noqa: PLC0415 - `cape --help` does without
    from pycape._whole_file import output_file  # noqa: PLC0415

    try:
        with output_file(Path(name), mode=0o666) as file:
            if secret and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fchmod(file.fileno(), 0o600)  # what it replaces may have been for everybody
            write(file, memoryview(octets))
    except OSError as error:
        raise no_output(name, error) from error


def create_secret_file(name: str, text: str) -> None:
    """Write a key into a new file that only its owner can read."""
    from pycape._account import create_secret  # noqa: PLC0415 - `cape --help` does without
    from pycape.errors import ConfigError  # noqa: PLC0415

    try:
        create_secret(Path(name), text)
    except ConfigError as error:  # it is an output here
        raise NoOutput(str(error), hint=error.hint) from error


def no_output(name: str, error: OSError) -> NoOutput:
    """Return what to say of a file that cannot be written."""
    return NoOutput(f"{name}: {reason(error)}", hint=remedy(Path(name), error))


def display_name(name: str) -> str:
    """Return how a file is called in messages."""
    return "stdin" if name == STDIN else name
