"""cape encrypt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._files import read_input
from pycape.cli._options import output_option
from pycape.cli._time import parse_time

if TYPE_CHECKING:
    from pycape import Cape


@click.command("encrypt", cls=CapeCommand, example='cape encrypt "hello world"')
@click.argument("text", required=False)
@click.option("-f", "--file", metavar="FILE", help="Encrypt a file; - is stdin.")
@click.option(
    "-r",
    "--recipient",
    "recipients",
    multiple=True,
    metavar="WHO",
    help="A user name, an account id, or a public key (capepk1...); may be repeated.",
)
@click.option(
    "--function",
    "functions",
    multiple=True,
    metavar="FUNCTION",
    help="Only this function may read it; may be repeated.",
)
@click.option("--not-after", metavar="TIME", help="Not to be opened later: 2027-01-31T00:00:00Z.")
@click.option(
    "--kem",
    type=click.Choice(["xwing", "x25519"]),
    default="xwing",
    show_default=True,
    help="How the key is wrapped: xwing withstands quantum computers, x25519 is shorter.",
)
@output_option
@pass_context
def command(
    context: Context,
    *,
    text: str | None,
    file: str | None,
    recipients: tuple[str, ...],
    functions: tuple[str, ...],
    not_after: str | None,
    kem: str,
    output: str | None,
) -> None:
    """Encrypt text or a file, for your functions by default.

    The result is text that starts with cape: and that an enclave opens as input of the recipient's
    functions. For somebody else, name the function that may read it.
    """
    data = read_input(text, file)
    deadline = None if not_after is None else parse_time("--not-after", not_after)
    with context.client() as cape:
        sealed = cape.encrypt(
            data,
            recipient=list(recipients) or None,
            functions=[_checksum(cape, function) for function in functions] or None,
            not_after=deadline,
            kem=kem,
        )
    context.octets(sealed, output, {"ciphertext": sealed.decode(), "size": len(sealed)})


def _checksum(cape: Cape, function: str) -> str:
    """Return the checksum that a use rule names a function by."""
    if re.fullmatch("[0-9a-f]{64}", function):
        return function
    return cape.manifest(function).checksum
