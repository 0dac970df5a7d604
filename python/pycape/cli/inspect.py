"""cape inspect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import BadInput, UsageError
from pycape.cli._files import STDIN, display_name
from pycape.cli._key_files import read_key

if TYPE_CHECKING:
    from pycape.cli._inspect._surroundings import Surroundings


@click.command("inspect", cls=CapeCommand, example="cape inspect letter.cape")
@click.argument("file")
@click.option(
    "-k",
    "--key",
    "key_file",
    metavar="FILE",
    help="A key of yours: tell whether it opens the envelope; - is stdin.",
)
@pass_context
def command(context: Context, file: str, key_file: str | None) -> None:
    """Say in plain words what a file is; - is stdin.

    Recognises ciphertexts, attestation documents, receipts, what accounts sign, keys, policies,
    profiles, enclave images, and functions' JSON, lock files and zips. Of a ciphertext it tells who
    can open it, and which algorithms protect it and why. It asks nobody, shows no secret, and says
    what it verified and what not.
    """
    from pycape.cli._inspect._kinds import KINDS, explain  # noqa: PLC0415 - `cape --help` does without
    from pycape.cli._inspect._source import open_source  # noqa: PLC0415

    if file == key_file == STDIN:
        raise UsageError("both the file and the key are to come from stdin", hint="name one's file")
    surroundings = _surroundings(context, key_file)
    with open_source(file) as source:
        explanation = explain(source, surroundings)
    if explanation is None:
        raise BadInput(
            f"{display_name(file)} is nothing that is known here",
            hint=f"recognised are {', '.join(KINDS)}",
        )
    for trouble in surroundings.not_read:
        context.note(f"not looked at: {trouble}")
    data = {**explanation.as_json(), "not_looked_at": surroundings.not_read}
    context.result(data, explanation.as_text(), explanation.kind)


def _surroundings(context: Context, key_file: str | None) -> Surroundings:
    from pycape._clock import now_ms  # noqa: PLC0415 - `cape --help` does without
    from pycape.cli._inspect._surroundings import Surroundings  # noqa: PLC0415

    key = None if key_file is None else read_key(key_file)
    return Surroundings(context.config(), key, now_ms())
