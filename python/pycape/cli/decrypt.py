"""cape decrypt."""

from __future__ import annotations

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._files import octets_as_json, read_file, read_private_key
from pycape.cli._options import output_option


@click.command("decrypt", cls=CapeCommand, example="cape decrypt letter.cape --key me.key")
@click.argument("file")
@click.option(
    "-k",
    "--key",
    "key_file",
    required=True,
    metavar="FILE",
    help="The private key's file, as `cape keys generate` wrote it; - is stdin.",
)
@output_option
@pass_context
def command(context: Context, file: str, key_file: str, output: str | None) -> None:
    """Decrypt a file with a private key of your own; - is stdin.

    What was encrypted for an account cannot be decrypted here: its keys stay in enclaves, which
    open it as input of the account's functions.
    """
    from pycape import envelope  # noqa: PLC0415 - `cape --help` does without

    if file == key_file == "-":
        raise UsageError("both the key and the ciphertext are to come from stdin")
    key = read_private_key(key_file)
    sealed = read_file(file)
    if sealed.startswith(b"cape:"):
        sealed = sealed.strip()
    data = envelope.open(sealed, key)
    context.octets(data, output, octets_as_json(data))
