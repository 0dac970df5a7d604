"""cape run."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._files import as_sent, file_of_function, held_in_memory, octets_as_json, read_input
from pycape.cli._limits import TOKEN
from pycape.cli._options import force_option, output_option
from pycape.cli._outputs import check_outputs
from pycape.cli._receipt_files import keep_receipt, salts_beside
from pycape.cli._streams import STDOUT

_JWT_BEGINS = "eyJ"
_NO_MEMORY = "an input is sent as a whole: give a smaller one, or parts of it one by one"


@click.command("run", cls=CapeCommand, example='cape run FUNCTION "hello world"')
@click.argument("function")
@click.argument("text", required=False)
@click.option("-f", "--file", metavar="FILE", help="Take the input from a file; - is stdin.")
@click.option(
    "-t",
    "--token",
    metavar="FILE",
    help="A file with a token; - is stdin. Else CAPE_TOKEN; none for your own functions.",
)
@click.option(
    "--checksum",
    "--function-checksum",
    metavar="HEX",
    help="The checksum that the function must have.",
)
@click.option(
    "--shared", "agreed", is_flag=True, help="Agree to a function whose callers share one process."
)
@output_option
@click.option(
    "--receipt",
    "receipt_file",
    metavar="FILE",
    help="Keep the enclave's receipt, and its salts as FILE.salts.",
)
@force_option
@pass_context
def command(
    context: Context,
    *,
    function: str,
    text: str | None,
    file: str | None,
    token: str | None,
    checksum: str | None,
    agreed: bool,
    output: str | None,
    receipt_file: str | None,
    force: bool,
) -> None:
    """Run a function, after its enclave has proved what it is.

    FUNCTION is an id, user/name, or a JSON file that `cape deploy -o json` wrote. An input that
    starts with cape: is opened inside the enclave only. The receipt of a run is checked in any
    case; with --receipt it is kept, of a run that failed as well, for `cape receipt verify`.
    Output and receipt are kept each even if the other cannot be written.
    """
    from pycape.cli._verdict import receipt_as_json  # noqa: PLC0415 - `cape --help` does without

    right = _token(token, file)
    check_outputs(
        {
            "the output": None if output == STDOUT else output,
            "the receipt": receipt_file,
            "its salts": None if receipt_file is None else salts_beside(receipt_file),
        },
        inputs=(file_of_function(function), token, file),
        force=force,
    )
    with held_in_memory(file or "the input", hint=_NO_MEMORY):
        data = as_sent(read_input(text, file))
    with context.client() as cape:
        ref = cape.function(function, checksum=checksum)
        with _receipt_kept_of_failure(context, receipt_file):
            result = cape.call(ref, right, data, shared=agreed)
    if receipt_file is not None:
        context.attempt(partial(keep_receipt, result.receipt, receipt_file))
    if context.verbose:
        context.note(f"cape: {result.verified!r}")
        for phase, seconds in dataclasses.asdict(result.timing).items():
            context.note(f"cape: {phase:7} {seconds * 1000:8.1f} ms")
    facts = {
        "output": octets_as_json(result.output),
        "checksum": result.checksum,
        "timing": dataclasses.asdict(result.timing),
        "usage": dict(result.usage),
        "trust": result.verified.trust,
        "receipt": receipt_as_json(result.receipt),
    }
    context.octets(result.output, output, facts)


@contextmanager
def _receipt_kept_of_failure(context: Context, file: str | None) -> Iterator[None]:
    """Keep the receipt of a run that failed, as that of one that did not."""
    from pycape.errors import CapeError  # noqa: PLC0415 - `cape --help` does without

    try:
        yield
    except CapeError as error:
        if file is not None and error.receipt is not None:
            context.attempt(partial(keep_receipt, error.receipt, file))
        raise


def _token(name: str | None, input_file: str | None) -> str | None:
    """Return the token's text: from the file of `-t`, or from CAPE_TOKEN."""
    if name is None:
        return os.environ.get("CAPE_TOKEN") or None
    if name.startswith(_JWT_BEGINS):
        raise UsageError(
            "a token on the command line can be read by everybody on this machine",
            hint="put it in a file for -t, or in the environment as CAPE_TOKEN",
        )
    if name == input_file == "-":
        raise UsageError("both the token and the input are to come from stdin")
    return TOKEN.read_text(name)
