"""cape encrypt."""

from __future__ import annotations

from datetime import datetime, timezone

import click

from pycape.cli._command import CapeCommand, Context, shared
from pycape.cli._files import read_input


@click.command("encrypt", cls=CapeCommand)
@click.argument("text", required=False)
@click.option("-f", "--file", metavar="FILE", help="Encrypt a file; - is stdin.")
@click.option(
    "-r",
    "--recipient",
    multiple=True,
    metavar="WHO",
    help="A user name, an account id, or a public key (capepk1...); may be repeated.",
)
@click.option(
    "--function",
    "functions",
    multiple=True,
    metavar="CHECKSUM",
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
@click.option("-o", "--output", metavar="FILE", help="Write to a file; - is stdout.")
@shared
def command(
    context: Context,
    text: str | None,
    file: str | None,
    recipient: tuple[str, ...],
    functions: tuple[str, ...],
    not_after: str | None,
    kem: str,
    output: str | None,
) -> None:
    """Encrypt text or a file, for your functions by default.

    cape encrypt "hello world"

    The result is text that starts with cape: and that an enclave opens as input of the recipient's
    functions. For somebody else, name the function that may read it.
    """
    data = read_input(text, file)
    deadline = None if not_after is None else _time(not_after)
    with context.client() as cape:
        sealed = cape.encrypt(
            data,
            recipient=list(recipient) or None,
            functions=list(functions) or None,
            not_after=deadline,
            kem=kem,
        )
    if context.json:
        context.result({"ciphertext": sealed.decode(), "size": len(sealed)}, "")
    else:
        context.binary(sealed, output)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(
            f"--not-after is a time such as 2027-01-31T00:00:00Z: {error}"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)
