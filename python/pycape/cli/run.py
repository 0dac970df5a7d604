"""cape run."""

from __future__ import annotations

import dataclasses
import os

import click

from pycape.cli._command import CapeCommand, Context, shared
from pycape.cli._files import read_file, read_input


@click.command("run", cls=CapeCommand)
@click.argument("function")
@click.argument("text", required=False)
@click.option("-f", "--file", metavar="FILE", help="Take the input from a file; - is stdin.")
@click.option(
    "-t",
    "--token",
    metavar="FILE",
    help="A file with a token; - is stdin. Else CAPE_TOKEN; none for your own functions.",
)
@click.option("--checksum", metavar="HEX", help="The checksum that the function must have.")
@click.option(
    "--shared", "agreed", is_flag=True, help="Agree to a function whose callers share one process."
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file; - is stdout.")
@shared
def command(
    context: Context,
    function: str,
    text: str | None,
    file: str | None,
    token: str | None,
    checksum: str | None,
    agreed: bool,
    output: str | None,
) -> None:
    """Run a function, after its enclave has proved what it is.

    cape run FUNCTION "hello world"

    FUNCTION is an id, user/name, or a JSON file that `cape deploy -o json` wrote. An input that
    starts with cape: is opened inside the enclave only.
    """
    data = read_input(text, file)
    right = read_file(token).decode().strip() if token else os.environ.get("CAPE_TOKEN")
    with context.client() as cape:
        ref = cape.function(function, checksum=checksum)
        result = cape.call(ref, right or None, data, shared=agreed)
    if context.json:
        context.result(
            {
                "output": result.output.decode(errors="replace"),
                "output_size": len(result.output),
                "checksum": result.checksum,
                "timing": dataclasses.asdict(result.timing),
                "usage": dict(result.usage),
                "trust": result.verified.trust,
            },
            "",
        )
        return
    if context.verbose:
        total = sum(dataclasses.astuple(result.timing))
        context.note(f"{result.verified!r}: {total * 1000:.1f} ms")
    context.binary(result.output, output)
