"""cape run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._file_or_text import tell_of_file
from pycape.cli._files import as_sent, file_of_function, octets_as_json, read_input
from pycape.cli._options import output_option, pcr_option, yes_option
from pycape.cli._outputs import check_outputs
from pycape.cli._receipt_files import keep_receipt, salts_beside
from pycape.cli._run_streams import output_of, pieces, printed_logs, whole_or_pieces
from pycape.cli._streams import STDOUT, reading
from pycape.cli._token_files import read_token, refuse_token_itself, token_of_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pycape._core import VerifiedAttestation, VerifiedReceipt
    from pycape._function_context import FunctionContext
    from pycape._output_stream import OutputStream
    from pycape._result import Result


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
@pcr_option
@click.option(
    "--shared", "agreed", is_flag=True, help="Agree to a function whose callers share one process."
)
@click.option("--logs", is_flag=True, help="Print what the function prints, to stderr.")
@click.option(
    "--stream",
    "streamed",
    is_flag=True,
    help="Write the output as it comes, before all of it is there.",
)
@output_option
@click.option(
    "--receipt",
    "receipt_file",
    metavar="FILE",
    help="Keep the enclave's receipt, and its salts as FILE.salts.",
)
@yes_option
@pass_context
def command(
    context: Context,
    *,
    function: str,
    text: str | None,
    file: str | None,
    token: str | None,
    checksum: str | None,
    pcrs: dict[str, list[str]] | None,
    agreed: bool,
    logs: bool,
    streamed: bool,
    output: str | None,
    receipt_file: str | None,
) -> None:
    """Run a function, after its enclave has proved what it is.

    FUNCTION is an id, user/name, or a JSON file that `cape deploy -o json` wrote. An input that
    starts with cape: is opened inside the enclave only. The receipt of a run is checked in any
    case; with --receipt it is kept, of a run that failed as well, for `cape receipt verify`.
    Output and receipt are kept each even if the other cannot be written.

    What is larger than 64 KiB is sent as it is read; a function that takes a stream has it as it
    comes, and so has no limit of size. With --stream that begins with the first byte, and what was
    written is part of an output that is not whole if the command fails; a file is written whole or
    not at all.
    """
    _check_token_name(token, file)
    if text is not None:
        tell_of_file(context, text)
    check_outputs(
        context,
        {
            "the output": None if output == STDOUT else output,
            "the receipt": receipt_file,
            "its salts": None if receipt_file is None else salts_beside(receipt_file),
        },
        inputs=(file_of_function(function), token, file),
    )
    if streamed and context.for_programs and output in {None, STDOUT}:
        raise UsageError(
            "--stream writes to stdout, where --json is to be",
            hint="-o FILE keeps the output in a file",
        )
    right = token_of_environment() if token is None else read_token(context, token)
    with ExitStack() as stack:
        data = _input(stack, text, file, streamed=streamed)
        cape = stack.enter_context(context.client())
        printer = stack.enter_context(printed_logs()) if logs else None
        ref = cape.function(function, checksum=checksum)
        stack.enter_context(_receipt_kept_of_failure(context, receipt_file))
        if streamed:
            session = stack.enter_context(cape.function_context(ref, right, pcrs))
            with output_of(output) as file_of_output:
                size = 0
                with session.stream(data, shared=agreed, logs=printer) as stream:
                    for piece in stream:
                        file_of_output.write(piece)
                        size += len(piece)
            _keep_receipt(context, stream.receipt, receipt_file)
            _tell_of_stream(context, session, stream, size=size, output=output)
        else:
            result = cape.call(ref, right, data, pcrs=pcrs, shared=agreed, logs=printer)
            _keep_receipt(context, result.receipt, receipt_file)
            _tell_of_result(context, result, output)


def _keep_receipt(context: Context, receipt: VerifiedReceipt | None, file: str | None) -> None:
    if file is not None and receipt is not None:
        context.attempt(partial(keep_receipt, receipt, file))


def _tell_of_result(context: Context, result: Result, output: str | None) -> None:
    if context.verbose:
        for phase, seconds in dataclasses.asdict(result.timing).items():
            context.note(f"cape: {phase:7} {seconds * 1000:8.1f} ms")
    facts = {
        "output": octets_as_json(result.output),
        "checksum": result.checksum,
        "timing": dataclasses.asdict(result.timing),
        **_evidence(result.usage, result.verified, result.receipt),
    }
    context.octets(result.output, output, facts)


def _tell_of_stream(
    context: Context,
    session: FunctionContext,
    stream: OutputStream,
    *,
    size: int,
    output: str | None,
) -> None:
    if output in {None, STDOUT} or stream.usage is None or stream.receipt is None:
        return
    evidence = _evidence(stream.usage, session.verified, stream.receipt)
    context.wrote(str(output), {"output": {"size": size}, **evidence})


def _evidence(
    usage: Mapping[str, Any], verified: VerifiedAttestation, receipt: VerifiedReceipt
) -> dict[str, Any]:
    from pycape.cli._verdict import receipt_as_json  # noqa: PLC0415 - `cape --help` does without

    return {"usage": dict(usage), "trust": verified.trust, "receipt": receipt_as_json(receipt)}


def _input(
    stack: ExitStack, text: str | None, file: str | None, *, streamed: bool
) -> bytes | Iterator[bytes]:
    """Return the input, or its pieces where it is not small enough to be there before they go."""
    if text is not None or file is None:
        return as_sent(read_input(text, file))
    source = stack.enter_context(reading(file))
    if streamed:
        return pieces(source)
    data = whole_or_pieces(source)
    return as_sent(data) if isinstance(data, bytes) else data


@contextmanager
def _receipt_kept_of_failure(context: Context, file: str | None) -> Iterator[None]:
    """Keep the receipt of a run that failed, as that of one that did not."""
    from pycape.errors import CapeError  # noqa: PLC0415 - `cape --help` does without

    try:
        yield
    except CapeError as error:
        _keep_receipt(context, error.receipt, file)
        raise


def _check_token_name(name: str | None, input_file: str | None) -> None:
    if name is None:
        return
    refuse_token_itself(name, hint="put it in a file for -t, or in the environment as CAPE_TOKEN")
    if name == input_file == "-":
        raise UsageError(
            "both the token and the input are to come from stdin", hint="name one's file"
        )
