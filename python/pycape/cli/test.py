"""cape test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._file_or_text import tell_of_file
from pycape.cli._files import as_sent, existing, octets_as_json, read_input
from pycape.cli._options import output_option, pcr_option, yes_option
from pycape.cli._outputs import check_outputs
from pycape.cli._progress import Progress
from pycape.cli._run_streams import printed_logs
from pycape.cli._streams import STDOUT

if TYPE_CHECKING:
    from pycape import Cape, FunctionRef


@click.command("test", cls=CapeCommand, example='cape test functions/echo "hello world"')
@click.argument("folder")
@click.argument("text", required=False)
@click.option("-f", "--file", metavar="FILE", help="Take the input from a file; - is stdin.")
@pcr_option
@output_option
@yes_option
@pass_context
def command(
    context: Context,
    *,
    folder: str,
    text: str | None,
    file: str | None,
    pcrs: dict[str, list[str]] | None,
    output: str | None,
) -> None:
    """Run a folder once in an enclave, and forget it.

    The folder is deployed under a name of its own and deleted again, whatever comes of the run.
    What the function prints goes to stderr.
    """
    path = existing(folder)
    check_outputs(
        context,
        {"the output": None if output == STDOUT else output},
        inputs=(folder, file),
    )
    data = as_sent(read_input(text, file))
    if text is not None:
        tell_of_file(context, text)
    with (
        context.client() as cape,
        _deployed(context, cape, path) as function,
        printed_logs() as printer,
    ):
        result = cape.call(function, None, data, pcrs=pcrs, logs=printer)
    context.octets(
        result.output,
        output,
        {"output": octets_as_json(result.output), "checksum": result.checksum},
    )


@contextmanager
def _deployed(context: Context, cape: Cape, folder: Path) -> Iterator[FunctionRef]:
    import secrets  # noqa: PLC0415 - `cape --help` does without

    from pycape.errors import CapeError  # noqa: PLC0415

    with Progress(context) as progress:
        name = f"test-{secrets.token_hex(4)}"
        function = cape.deploy(folder, name=name, progress=progress.report)
    try:
        yield function
    finally:
        try:
            cape.delete(function)
        except CapeError as error:
            context.note(f"{name} stays deployed ({error}): cape function delete {function.id}")
