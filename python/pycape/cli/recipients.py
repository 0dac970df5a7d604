"""cape recipients."""

from __future__ import annotations

import mmap
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycape.cli._command import CapeGroup, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._file_progress import FileProgress
from pycape.cli._files import existing, no_input
from pycape.cli._key_files import read_private_key
from pycape.cli._options import (
    anonymous_option,
    kem_option,
    private_key_option,
    recipients_option,
)
from pycape.cli._streams import reading, writing

if TYPE_CHECKING:
    from pycape import Cape
    from pycape._file_change import FileChange
    from pycape.envelope import EnvelopeHeader
    from pycape.keys import PrivateKey, PublicKey

_KEY_ID = re.compile("[0-9a-f]{16}")
_NOT_TOLD = bytes(8)

_NO_REVOCATION = (
    "removing is no revocation: who was removed may have kept the file, or what\n"
    "opens it; to take access away, encrypt anew"
)


@click.group("recipients", cls=CapeGroup, example="cape recipients list report.pdf.cape")
def command() -> None:
    """List, add and remove who can decrypt a file; its content stays as it is."""


@command.command("list", example="cape recipients list report.pdf.cape")
@click.argument("file")
@pass_context
def list_(context: Context, file: str) -> None:
    """List whose keys open a file, by their key ids; `cape keys show` shows a key's.

    The list is what the file says: only who has one of the keys can tell that it is authentic.
    """
    _tell(context, file)


@command.command(example="cape recipients add report.pdf.cape -r PUBLIC_KEY --key me.key")
@click.argument("file")
@recipients_option
@private_key_option
@kem_option
@anonymous_option
@pass_context
def add(
    context: Context,
    *,
    file: str,
    recipients: tuple[str, ...],
    key_file: str,
    kem: str,
    anonymous: bool,
) -> None:
    """Let others decrypt a file too, who then have all the rights that you have.

    The private key is of one of its recipients. The file is replaced when the new one is whole.
    """
    _check(file, recipients)
    private_key = read_private_key(key_file)
    with context.client() as cape:
        keys = [_public_key(cape, each, kem) for each in recipients]
    _change(context, file, private_key, add=keys, anonymous=anonymous)
    _tell(context, file)


@command.command(example="cape recipients remove report.pdf.cape -r PUBLIC_KEY --key me.key")
@click.argument("file")
@recipients_option
@private_key_option
@kem_option
@pass_context
def remove(
    context: Context, *, file: str, recipients: tuple[str, ...], key_file: str, kem: str
) -> None:
    """Take recipients off a file. That is no revocation: they may have kept what opens it.

    WHO may be a key id as well, as `cape recipients list` shows it. Of an account it is the key
    that it has now. The private key is of one of the file's recipients.
    """
    _check(file, recipients)
    private_key = read_private_key(key_file)
    with context.client() as cape:
        keys = [
            bytes.fromhex(each) if _KEY_ID.fullmatch(each) else _public_key(cape, each, kem)
            for each in recipients
        ]
    _change(context, file, private_key, remove=keys)
    context.note(_NO_REVOCATION)
    _tell(context, file)


def _check(file: str, recipients: tuple[str, ...]) -> None:
    from pycape._encryption_arguments import MOST_RECIPIENTS  # noqa: PLC0415 - `cape --help` does without

    if not recipients:
        raise UsageError("nobody is named", hint="-r WHO names a recipient")
    if len(recipients) > MOST_RECIPIENTS:
        raise UsageError(
            f"{len(recipients)} are named, and a file has {MOST_RECIPIENTS} at most",
            hint="encrypt it for the others by itself",
        )
    if not existing(file).is_file():
        raise UsageError(
            f"{file} is no file, and what is changed is replaced",
            hint="name the encrypted file itself",
        )


def _public_key(cape: Cape, who: str, kem: str) -> PublicKey:
    from pycape._key_arguments import public_key_of  # noqa: PLC0415 - `cape --help` does without
    from pycape._key_reader import is_meant_as_key  # noqa: PLC0415

    return public_key_of(who if is_meant_as_key(who) else cape.key(username=who, kem=kem))


def _change(context: Context, file: str, private_key: PrivateKey, **change: Any) -> None:
    from pycape import envelope  # noqa: PLC0415 - `cape --help` does without
    from pycape._byte_streams import write  # noqa: PLC0415
    from pycape._envelope_files import Beginning  # noqa: PLC0415

    with (
        _refusals_told(file),
        _file_change(file) as file_change,
        reading(file) as source,
        FileProgress(context, f"copying {file}", source.size) as progress,
        writing(file, mode=source.mode) as writer,
    ):
        beginning = Beginning(source.reader)
        if beginning.is_text:
            text = beginning.read_text()
            changed = envelope.change_recipients(text, private_key, **change)
            write(writer, memoryview(changed))
        else:
            envelope.change_recipients_stream(
                beginning, writer, private_key, **change, progress=progress.report
            )
        # What it replaces may be the only one there is.
        os.fsync(writer.fileno())
        file_change.check()


@contextmanager
def _refusals_told(file: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        shows = f"`cape recipients list {shlex.quote(file)}`"
        raise UsageError(str(error), hint=f"{shows} shows whose keys open it") from error


def _file_change(file: str) -> FileChange:
    from pycape._file_change import FileChange  # noqa: PLC0415 - `cape --help` does without

    try:
        return FileChange(Path(file))
    except OSError as error:
        raise no_input(file, error) from error


def _tell(context: Context, file: str) -> None:
    header = _header(file)
    key_ids = [
        None if each.key_id == _NOT_TOLD else each.key_id.hex() for each in header.recipients
    ]
    recipients = [
        {"kind": each.kind, "type": each.type, "key_id": key_id}
        for each, key_id in zip(header.recipients, key_ids, strict=True)
    ]
    rows = [
        f"{key_id or 'not told':16}  {each.kind or f'unknown, of type {each.type:#06x}'}"
        for each, key_id in zip(header.recipients, key_ids, strict=True)
    ]
    data = {"file": file, "version": header.version, "recipients": recipients}
    context.result(data, "\n".join(rows), "\n".join(filter(None, key_ids)))


def _header(file: str) -> EnvelopeHeader:
    """Return what a file says of itself, of which no more is read than that."""
    from pycape import envelope  # noqa: PLC0415 - `cape --help` does without

    try:
        with Path(file).open("rb") as opened:
            if not os.fstat(opened.fileno()).st_size:
                return envelope.inspect(b"")
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                text = mapped[: len(b"cape:")] == b"cape:"
                return envelope.inspect(mapped[:].strip() if text else mapped)
    except OSError as error:
        raise no_input(file, error) from error
