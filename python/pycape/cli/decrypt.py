"""cape decrypt."""

from __future__ import annotations

from pathlib import Path

import click

from pycape.cli._command import CapeCommand, Context, shared
from pycape.cli._files import read_file


@click.command("decrypt", cls=CapeCommand)
@click.argument("file")
@click.option(
    "-k",
    "--key",
    "key_file",
    required=True,
    metavar="FILE",
    help="The private key's file, as `cape keys generate` wrote it.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file; - is stdout.")
@shared
def command(context: Context, file: str, key_file: str, output: str | None) -> None:
    """Decrypt a file with a private key of your own.

    cape decrypt letter.cape --key me.key

    What was encrypted for an account cannot be decrypted here: its keys stay in enclaves, which
    open it as input of the account's functions.
    """
    from pycape import envelope  # noqa: PLC0415 - `cape --help` does without
    from pycape._account import read_secret  # noqa: PLC0415
    from pycape.keys import PrivateKey  # noqa: PLC0415

    secret = read_secret(Path(key_file))
    if secret is None:
        raise FileNotFoundError(2, "no such file", key_file)
    sealed = read_file(file)
    if sealed.startswith(b"cape:"):
        sealed = sealed.strip()
    data = envelope.open(sealed, PrivateKey.from_text(secret.strip()))
    if context.json:
        context.result({"size": len(data), "text": data.decode(errors="replace")}, "")
    else:
        context.binary(data, output)
