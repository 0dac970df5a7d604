"""cape encrypt."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import click

from pycape._checksum import is_checksum
from pycape._clock import show_time
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._file_or_text import name_of, tell_of_text
from pycape.cli._file_progress import FileProgress
from pycape.cli._files import STDIN, display_name, file_of_function, held_in_memory
from pycape.cli._options import (
    anonymous_option,
    kem_option,
    output_option,
    recipients_option,
    yes_option,
)
from pycape.cli._outputs import check_outputs
from pycape.cli._streams import (
    STDOUT,
    SUFFIX,
    Input,
    in_folder,
    reading,
    writing,
    writing_windows,
)
from pycape.cli._time import parse_time

if TYPE_CHECKING:
    from pycape import Cape

_NO_MEMORY = "text is held in memory: --binary, into a file or a pipe, needs little of it"


@click.command("encrypt", cls=CapeCommand, example='cape encrypt "hello world"')
@click.argument("given", required=False, metavar="[FILE|TEXT|-]")
@click.option("-f", "--file", metavar="FILE", help="Encrypt a file, to stdout; - is stdin.")
@recipients_option
@click.option(
    "--function",
    "functions",
    multiple=True,
    metavar="FUNCTION",
    help="Only this function may read it; may be repeated.",
)
@click.option(
    "--not-after", metavar="TIME", help="No enclave opens it later: 2027-01-31T00:00:00Z."
)
@kem_option
@anonymous_option
@click.option(
    "--format",
    "version",
    type=click.Choice(["v1", "v2"]),
    default="v2",
    show_default=True,
    help="v1: what the first system reads, for one RSA key.",
)
@click.option(
    "--binary/--text",
    default=None,
    help="The form: else binary from file to file, of any size; text to stdout, held in memory.",
)
@output_option
@yes_option
@pass_context
def command(
    context: Context,
    /,
    *,
    given: str | None,
    file: str | None,
    functions: tuple[str, ...],
    not_after: str | None,
    version: Literal["v1", "v2"],
    binary: bool | None,
    output: str | None,
    **options: Any,
) -> None:
    """Encrypt a file or a text, for your functions by default.

    What is given is the file of that name, which becomes FILE.cape, beside it; if there is none, it
    is a TEXT, which goes to stdout, as does what comes from stdin (-). What looks like the name of
    a file that is not there is refused: a word with a slash, an ending like .pdf, or much likeness
    to a file that is. Scripts say which they mean: -f FILE, or -f - and the text on stdin.

    An enclave opens it as input of the recipient's functions. For somebody else, name the function
    that may read it. What is for a key of your own `cape decrypt` opens, whatever --function and
    --not-after say: they bind enclaves.
    """
    name = name_of(given, file)
    output = in_folder(output, name, lambda leaf: leaf + SUFFIX)
    if output is None and given is not None and name not in {None, STDIN}:
        output = f"{name}{SUFFIX}"
    to_file = output not in {None, STDOUT}
    if binary is None:
        binary = to_file and name is not None and version == "v2"
    if binary:
        _refuse_binary(context, version, output)
    if version == "v1" and not options["recipients"]:
        raise UsageError(
            "version 1 is for one RSA key, and none is named",
            hint='-r "$(cat KEY.pem)" names it, in PEM or as `cape keys show KEY` prints it',
        )
    options["not_after"] = None if not_after is None else parse_time("--not-after", not_after)
    options["recipient"] = list(options.pop("recipients")) or None
    _refuse_past(options["not_after"])
    with _input(name, given) as source:
        if to_file:
            check_outputs(
                context,
                {"the ciphertext": output},
                inputs=(name, *map(file_of_function, functions)),
            )
        with context.client() as cape:
            options["functions"] = [_checksum(cape, each) for each in functions] or None
            if binary:
                _give_binary(context, cape, source, output or STDOUT, **options)
            else:
                with held_in_memory(source.name, hint=_NO_MEMORY):
                    sealed = cape.encrypt(source.reader.read() or b"", format=version, **options)
                    _give_text(context, sealed, output, source.mode)
    if name is None and given is not None:
        tell_of_text(context, given)


def _refuse_past(not_after: datetime | None) -> None:
    if not_after is not None and not_after < datetime.now(UTC):
        raise UsageError(
            f"--not-after is in the past: {show_time(not_after)}", hint="no enclave would open it"
        )


def _refuse_binary(context: Context, version: str, output: str | None) -> None:
    if version == "v1":
        raise UsageError("version 1 has no binary form", hint="leave out --binary: it is text")
    if output is None and context.for_programs:
        raise UsageError("the binary form is not for JSON", hint="-o FILE writes it to a file")
    if output is None and sys.stdout.isatty():
        raise UsageError(
            "the binary form is not for a terminal",
            hint="-o FILE writes it to a file, -o - to the terminal all the same",
        )


@contextmanager
def _input(name: str | None, given: str | None) -> Iterator[Input]:
    if name is None:
        octets = os.fsencode(given or "")
        yield Input("text", io.BytesIO(octets), len(octets), None)
        return
    with reading(name) as source:
        yield source


def _give_binary(
    context: Context,
    cape: Cape,
    source: Input,
    output: str,
    *,
    recipient: list[str] | None,
    kem: str,
    functions: list[str] | None,
    not_after: datetime | None,
    anonymous: bool,
) -> None:
    from pycape._encryption_arguments import (  # noqa: PLC0415 - help does without
        encryption_context,
        recipients_of,
    )
    from pycape._envelope_streams import SEALED_WINDOW, seal_into_output  # noqa: PLC0415

    words = f"encrypting {display_name(source.name)}"
    with (
        FileProgress(context, words, source.size) as progress,
        writing_windows(output, mode=source.mode, size=SEALED_WINDOW) as windows,
    ):
        public = encryption_context(None, functions, not_after)
        recipients = recipients_of(None, recipient, None, None)
        keys = cape._keys_for(recipients, kem, anonymous=anonymous)
        size = seal_into_output(
            source.reader,
            windows,
            keys,
            context=public,
            anonymous=anonymous,
            progress=progress.report,
        )
    if output != STDOUT:
        context.wrote(output, {"size": size})


def _give_text(context: Context, sealed: bytes, output: str | None, mode: int) -> None:
    from pycape._byte_streams import write  # noqa: PLC0415 - `cape --help` does without

    facts = {"ciphertext": sealed.decode(), "size": len(sealed)}
    if output is None or output == STDOUT:
        context.octets(sealed, output, facts)
        return
    with writing(output, mode=mode) as writer:
        write(writer, memoryview(sealed))
    context.wrote(output, facts)


def _checksum(cape: Cape, function: str) -> str:
    """Return the checksum that a use rule names a function by."""
    if is_checksum(function):
        return function
    return cape.manifest(function).checksum
