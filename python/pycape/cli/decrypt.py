"""cape decrypt."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._file_progress import FileProgress
from pycape.cli._files import display_name, held_in_memory, octets_as_json
from pycape.cli._key_files import read_private_key
from pycape.cli._options import output_option, private_key_option, yes_option
from pycape.cli._outputs import check_outputs
from pycape.cli._streams import (
    STDOUT,
    SUFFIX,
    ForTerminal,
    Input,
    in_folder,
    reading,
    writing_windows,
)

if TYPE_CHECKING:
    from pycape._byte_streams import Output
    from pycape.keys import PrivateKey

_NO_MEMORY = (
    "text form and --json are held in memory; the binary form, of `cape encrypt --binary`, needs "
    "little of it on its way into a file or a pipe"
)

# What was secret is its owner's alone.
_MODE = 0o600


@click.command("decrypt", cls=CapeCommand, example="cape decrypt report.pdf.cape -k me.key -o .")
@click.argument("file")
@private_key_option
@output_option
@yes_option
@pass_context
def command(context: Context, *, file: str, key_file: str, output: str | None) -> None:
    """Decrypt a file with a private key of your own; - is stdin.

    With -o FILE nothing is there until all of it is, and proved authentic; with -o FOLDER the
    file's name loses its .cape. Else it goes to stdout, and into a pipe as it is decrypted: only
    status 0 says that what came is all of it.

    What was encrypted for an account cannot be decrypted here: its keys stay in enclaves, which
    open it as input of the account's functions (`cape run FUNCTION -f FILE`).
    """
    if file == key_file == "-":
        raise UsageError(
            "both the key and the ciphertext are to come from stdin", hint="name one's file"
        )
    output = in_folder(output, file, _without_suffix)
    key = read_private_key(key_file)
    with reading(file) as source, held_in_memory(file, hint=_NO_MEMORY):
        if output not in {None, STDOUT}:
            check_outputs(context, {"the plaintext": output}, inputs=(file, key_file))
            size = _open(context, key, source, str(output))
            context.wrote(str(output), {"size": size})
        elif context.for_programs:
            context.result(octets_as_json(_held(context, key, source, io.BytesIO())), "")
        elif output is None and sys.stdout.isatty():
            context.octets(_held(context, key, source, ForTerminal()), None, {})
        else:
            _open(context, key, source, STDOUT)


def _without_suffix(leaf: str) -> str | None:
    return leaf.removesuffix(SUFFIX) if leaf.endswith(SUFFIX) else None


def _open(context: Context, key: PrivateKey, source: Input, output: str) -> int:
    from pycape._envelope_streams import WINDOW  # noqa: PLC0415 - `cape --help` does without

    with writing_windows(output, mode=_MODE, size=WINDOW) as windows:
        return _into(context, key, source, windows)


def _held(context: Context, key: PrivateKey, source: Input, writer: io.BytesIO) -> bytes:
    from pycape._byte_streams import Sink  # noqa: PLC0415 - `cape --help` does without
    from pycape._envelope_streams import WINDOW  # noqa: PLC0415

    _into(context, key, source, Sink(writer, WINDOW))
    return writer.getvalue()


def _into(context: Context, key: PrivateKey, source: Input, output: Output) -> int:
    from pycape._envelope_files import open_any_into_output  # noqa: PLC0415 - `cape --help` does without

    words = f"decrypting {display_name(source.name)}"
    with FileProgress(context, words, source.size) as progress:
        return open_any_into_output(source.reader, output, key, progress=progress.report)
